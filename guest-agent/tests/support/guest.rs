//! A guest that is a folder: the real binary with `PHOENIX_ROOT`, programs that are scripts of the test.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fake_engine::{FakeEngine, Received, Says};

pub struct Guest {
    root: tempfile::TempDir,
}

impl Guest {
    /// A guest with a boot id, nothing else.
    pub fn new() -> Self {
        let guest = Self {
            root: tempfile::tempdir().unwrap(),
        };
        guest.write("proc/sys/kernel/random/boot_id", "boot-1\n");
        guest.write("proc/sys/kernel/hostname", "one\n");
        guest
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Installs a program: a shell script that sees the guest's root as `$ROOT` and whose calls are logged.
    pub fn program(&self, name: &str, script: &str) {
        let path = format!("usr/bin/{name}");
        let root = self.root().display();
        let text = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\nROOT={root}\nprintf '%s\\n' \"{name} $*\" >> \"$ROOT/calls\"\n{script}\n"
        );
        self.write(&path, &text);
        std::fs::set_permissions(self.path(&path), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The programs called so far with their arguments.
    pub fn calls(&self) -> Vec<String> {
        self.read("calls").lines().map(str::to_owned).collect()
    }

    /// An engine on the guest's socket.
    pub fn engine(&self, answer: impl FnMut(&Received) -> Says + Send + 'static) -> FakeEngine {
        FakeEngine::start(&self.path("var/run/docker.sock"), answer)
    }

    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_phoenix-guest-agent"))
            .args(arguments)
            .env_clear()
            .env("PHOENIX_ROOT", self.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may stop reading before the end.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// The outcome of a request with `body`: `{"ok": …}` or `{"err": …}`.
    pub fn ask(&self, body: &Value) -> Value {
        let request = json!({"protocol": 1, "id": "test", "body": body});
        let output = self.run(&["request"], request.to_string().as_bytes());
        assert!(output.status.success(), "{output:?}");
        let mut response: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(response["id"], "test");
        response["outcome"].take()
    }

    /// An address of this machine, which is the guest's.
    pub fn own_address(&self) -> String {
        let facts = self.ask(&json!("facts"));
        let addresses = &facts["ok"]["facts"]["addresses"];
        let address = addresses[0].as_str().expect(
            "this machine has no address but loopback, link-local and Docker's: Swarm tests need one to \
             advertise (ip address add 192.0.2.7/24 dev dummy0)",
        );
        address.split('/').next().unwrap_or(address).to_owned()
    }

    pub fn start_job(&self, job: &str, work: &Value) -> Value {
        self.ask(&json!({"job_start": {"job": job, "work": work}}))
    }

    pub fn job_status(&self, job: &str) -> Value {
        let mut outcome = self.ask(&json!({"job_status": {"job": job, "after": 0}}));
        outcome["ok"]["job_status"].take()
    }

    /// Runs `work` as a job to its end; the state it ended in.
    pub fn work(&self, job: &str, work: &Value) -> Value {
        let started = self.start_job(job, work);
        assert_eq!(started, json!({"ok": {"job_start": "started"}}));
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let status = self.job_status(job);
            if status["state"] != "running" {
                return status["state"].clone();
            }
            assert!(Instant::now() < deadline, "{status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
