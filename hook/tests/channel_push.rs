//! Pushing files through the real qemu-ga.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step fails the test"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use phoenix_common::digest::sha256_hex;
use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;
use phoenix_hook::channel::{Channel, GuestFile};
use phoenix_hook::paths::Paths;

struct Guest {
    process: Child,
    channel: Channel,
    folder: tempfile::TempDir,
}

impl Guest {
    fn start() -> Option<Self> {
        let program = "/usr/sbin/qemu-ga";
        if !Path::new(program).exists() {
            println!("skipped: {program} is not installed (package qemu-guest-agent)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path());
        let vmid = Vmid::new(1002).unwrap();
        let socket = paths.qga_socket(vmid);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let process = Command::new(program)
            .args(["-m", "unix-listen", "-p"])
            .arg(&socket)
            .arg("-t")
            .arg(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        while !socket.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self {
            process,
            channel: Channel::to_vm(vmid, &paths),
            folder,
        })
    }

    fn target(&self) -> String {
        self.folder
            .path()
            .join("setup")
            .to_str()
            .unwrap()
            .to_owned()
    }

    async fn push(&self, content: &[u8]) {
        let folder = self.target();
        let file = GuestFile {
            folder: &folder,
            name: "agent.deb",
            mode: 0o640,
        };
        let deadline = Deadline::after(Duration::from_secs(30));
        self.channel
            .push_file(content, file, deadline)
            .await
            .unwrap();
    }

    fn assert_holds(&self, content: &[u8]) {
        let path = Path::new(&self.target()).join("agent.deb");
        assert!(std::fs::read(&path).unwrap() == content, "content differs");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&path), 0o640);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(std::fs::read_dir(self.target()).unwrap().count(), 1);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn content(bytes: usize) -> Vec<u8> {
    b"0123456789abcdef\xff\x00\n"
        .iter()
        .copied()
        .cycle()
        .take(bytes)
        .collect()
}

#[tokio::test]
async fn files_of_all_sizes_arrive() {
    let Some(guest) = Guest::start() else { return };
    for bytes in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_500_000] {
        guest.push(&content(bytes)).await;
        guest.assert_holds(&content(bytes));
    }
}

#[tokio::test]
async fn a_push_goes_on_where_it_was_broken_off_and_starts_over_on_other_bytes() {
    let Some(guest) = Guest::start() else { return };
    let wanted = content(2_500_000);
    let part = Path::new(&guest.target()).join(format!("{}.part", sha256_hex(&wanted)));
    let leave_behind = |bytes: &[u8]| {
        std::fs::create_dir_all(guest.target()).unwrap();
        std::fs::write(&part, bytes).unwrap();
        std::fs::write(part.with_file_name("older.part"), b"x").unwrap();
    };
    // A prefix; other bytes of the same length; more than all.
    leave_behind(&wanted[..1_234_567]);
    guest.push(&wanted).await;
    guest.assert_holds(&wanted);
    leave_behind(&vec![b'x'; 1_234_567]);
    guest.push(&wanted).await;
    guest.assert_holds(&wanted);
    leave_behind(&[&wanted[..], b"more"].concat());
    guest.push(&wanted).await;
    guest.assert_holds(&wanted);
}
