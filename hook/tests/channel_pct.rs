//! The channel to a container, over a `pct` that answers as the recorded one does and runs commands here.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;
use phoenix_hook::channel::{
    Channel, ChannelError, ExitKind, GuestCommand, GuestFile, GuestOutput,
};
use phoenix_hook::paths::Paths;
use phoenix_hook::pve::vmlist::Kind;

/// `exec N [--keep-env 0] -- COMMAND`; 105 runs, 106 is off, 107 is in the post-stop of a stop task.
const PCT: &str = r#"#!/bin/sh
[ "$1" = exec ] || { echo "unexpected: pct $*" >&2; exit 255; }
case $2 in
105) ;;
106) echo "container '106' not running!" >&2; exit 255 ;;
107) echo "lxc-attach: 107: ../src/lxc/attach.c: get_attach_context: 406 Connection refused - Failed to get init pid" >&2; exit 1 ;;
*) echo "Configuration file 'nodes/pve1/lxc/$2.conf' does not exist" >&2; exit 2 ;;
esac
[ "$3 $4 $5" = "--keep-env 0 --" ] || { echo "Unknown option: $3" >&2; exit 255; }
shift 5
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=lxc TERM=linux "$@"
"#;

struct Node {
    folder: tempfile::TempDir,
}

impl Node {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tools = folder.path().join("usr/sbin");
        std::fs::create_dir_all(&tools).unwrap();
        let pct = tools.join("pct");
        std::fs::write(&pct, PCT).unwrap();
        std::fs::set_permissions(&pct, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn container(&self, vmid: u32) -> Channel {
        let vmid = Vmid::new(vmid).unwrap();
        Channel::to_guest(vmid, Kind::Lxc, &Paths::new(self.folder.path()))
    }

    async fn shell(&self, script: &str, stdin: &str) -> GuestOutput {
        let command = GuestCommand {
            program: "/bin/sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            stdin: stdin.as_bytes().to_vec(),
            output_limit_bytes: 1 << 20,
        };
        self.container(105).run(command, soon()).await.unwrap()
    }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

#[tokio::test]
async fn commands_run_with_their_own_exit_codes() {
    let node = Node::new();
    let output = node.shell("cat; echo e >&2; exit 255", "in").await;
    assert_eq!(output.exit, ExitKind::Code(255));
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b"in"[..], &b"e\n"[..])
    );
    assert_eq!(node.shell("exit 137", "").await.exit, ExitKind::Signal(9));
}

#[tokio::test]
async fn our_environment_stays_here() {
    let node = Node::new();
    let output = node.shell("env", "").await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("CARGO"), "{text}");
}

#[tokio::test]
async fn a_container_that_is_off_is_no_failed_command() {
    let node = Node::new();
    for (vmid, wanted) in [
        (106, "not running"),
        (107, "lxc-attach"),
        (108, "does not exist"),
    ] {
        let error = node.container(vmid).probe(soon()).await.unwrap_err();
        assert!(matches!(error, ChannelError::NotEntered { .. }), "{error}");
        assert!(error.is_transient());
        assert!(error.to_string().contains(wanted), "{error}");
    }
    node.container(105).probe(soon()).await.unwrap();
}

#[tokio::test]
async fn files_are_pushed_and_the_agent_is_missed() {
    let node = Node::new();
    let folder: PathBuf = node.folder.path().join("in-container");
    let content = b"0123456789\n".repeat(150_000);
    let file = GuestFile {
        folder: folder.to_str().unwrap(),
        name: "file",
        mode: 0o600,
    };
    node.container(105)
        .push_file(&content, file, soon())
        .await
        .unwrap();
    assert!(std::fs::read(folder.join("file")).unwrap() == content);
    if !std::path::Path::new("/usr/bin/phoenix-guest-agent").exists() {
        let error = node.container(105).facts(soon()).await.unwrap_err();
        assert!(
            matches!(error, ChannelError::AgentMissing { .. }),
            "{error}"
        );
    }
}
