//! The client against the real qemu-ga, listening on a socket of its own.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step fails the test"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use phoenix_common::digest::sha256_hex;
use phoenix_common::qga::{Exec, ExitKind, QgaClient, QgaError};
use phoenix_common::retry::Deadline;

/// A running qemu-ga, killed at the end of the test.
struct RealAgent {
    process: Child,
    client: QgaClient,
    folder: tempfile::TempDir,
}

impl RealAgent {
    /// `None`, with a printed line, where qemu-ga is not installed.
    fn start(extra_arguments: &[&str]) -> Option<Self> {
        let Some(program) = ["/usr/sbin/qemu-ga", "/usr/bin/qemu-ga"]
            .into_iter()
            .find(|path| Path::new(path).exists())
        else {
            println!("skipped: qemu-ga is not installed (package qemu-guest-agent)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let process = Command::new(program)
            .args(["-m", "unix-listen", "-p"])
            .arg(&socket)
            .arg("-t")
            .arg(folder.path())
            .args(extra_arguments)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if socket.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let client = QgaClient::new(socket, folder.path().join("lock"));
        Some(Self {
            process,
            client,
            folder,
        })
    }
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

fn shell(script: &str) -> Exec {
    Exec::new("/bin/sh").args(["-c", script])
}

#[tokio::test]
async fn programs_run_with_input_and_output() {
    let Some(agent) = RealAgent::start(&[]) else {
        return;
    };
    agent.client.ping(soon()).await.unwrap();
    agent.client.require_exec(soon()).await.unwrap();

    let script = shell("cat; echo e >&2; exit 3").stdin("hello\n");
    let output = agent.client.exec(&script, soon()).await.unwrap();
    assert_eq!(output.exit, ExitKind::Code(3));
    assert_eq!(
        (&output.stdout[..], &output.stderr[..]),
        (&b"hello\n"[..], &b"e\n"[..])
    );

    let killed = agent
        .client
        .exec(&shell("kill -9 $$"), soon())
        .await
        .unwrap();
    assert_eq!(killed.exit, ExitKind::Signal(9));
}

#[tokio::test]
async fn a_mebibyte_of_input_arrives_whole() {
    let Some(agent) = RealAgent::start(&[]) else {
        return;
    };
    let content = b"0123456789abcde\n".repeat(1 << 16);
    let exec = Exec::new("/usr/bin/sha256sum").stdin(content.clone());
    let output = agent.client.exec(&exec, soon()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.split_whitespace().next(), Some(&*sha256_hex(&content)));
}

#[tokio::test]
async fn output_is_cut_where_the_agent_cuts_it() {
    let Some(agent) = RealAgent::start(&[]) else {
        return;
    };
    let exec = shell("head -c 20000000 /dev/zero");
    let output = agent.client.exec(&exec, soon()).await.unwrap();
    assert_eq!(output.stdout.len(), 16 << 20);
    assert!(output.truncated);
    assert_eq!(output.exit, ExitKind::Code(0));
}

#[tokio::test]
async fn a_missing_program_and_a_blocked_exec_are_told_apart() {
    let Some(agent) = RealAgent::start(&[]) else {
        return;
    };
    let missing = agent.client.exec(&Exec::new("/nonexistent"), soon()).await;
    let error = missing.unwrap_err();
    assert!(matches!(error, QgaError::AgentError { .. }), "{error}");

    let Some(blocked) = RealAgent::start(&["--blacklist=guest-exec"]) else {
        return;
    };
    let error = blocked.client.require_exec(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::ExecBlocked { .. }), "{error}");
    let error = blocked
        .client
        .exec(&shell("true"), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, QgaError::ExecBlocked { .. }), "{error}");
}

#[tokio::test]
async fn half_a_request_left_behind_does_no_harm() {
    use std::io::Write;
    let Some(agent) = RealAgent::start(&[]) else {
        return;
    };
    agent.client.ping(soon()).await.unwrap();
    let socket = agent.folder.path().join("socket");
    let mut rude = std::os::unix::net::UnixStream::connect(socket).unwrap();
    rude.write_all(b"{\"execute\":\"guest-ping\",\"argum")
        .unwrap();
    drop(rude);
    agent.client.ping(soon()).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_ends_during_exec_loses_the_process() {
    let Some(mut agent) = RealAgent::start(&[]) else {
        return;
    };
    let client = agent.client.clone();
    let running = tokio::spawn(async move { client.exec(&shell("sleep 2"), soon()).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    agent.process.kill().unwrap();
    agent.process.wait().unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert!(
        matches!(
            error,
            QgaError::SocketMissing { .. } | QgaError::Closed { .. }
        ),
        "{error}"
    );
    assert!(error.is_transient());
}
