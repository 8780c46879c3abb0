//! Calls a guest's hookscript exactly as Proxmox does (recorded in `hooks.json`).

use std::fs::OpenOptions;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::PveError;
use super::node::Node;
use super::warn;

/// When a hookscript is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    PreStart,
    PostStart,
    PreStop,
    PostStop,
}

impl Phase {
    pub const ALL: [Self; 4] = [
        Self::PreStart,
        Self::PostStart,
        Self::PreStop,
        Self::PostStop,
    ];

    /// By its name: `post-start`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::PreStart => "pre-start",
            Self::PostStart => "post-start",
            Self::PreStop => "pre-stop",
            Self::PostStop => "post-stop",
        }
    }
}

/// One call: the guest, the phase, and what the task around it puts into the environment.
#[derive(Debug)]
pub(super) struct HookCall<'node> {
    pub(super) node: &'node Node,
    pub(super) vmid: u32,
    pub(super) phase: Phase,
    /// `PVE_MIGRATED_FROM`: empty on a plain start, absent in other tasks and for containers.
    pub(super) migrated_from: Option<String>,
}

impl HookCall<'_> {
    /// Runs it if `config` has a hookscript. A failing pre-start ends the task, others only warn.
    pub(super) fn run(&self, config: &Config) -> Result<(), PveError> {
        let Some(volume) = config.get("hookscript") else {
            return Ok(());
        };
        match self.call(volume) {
            Err(wrong) if self.phase == Phase::PreStart => Err(wrong),
            Err(wrong) => {
                warn(&wrong.to_string());
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn call(&self, volume: &str) -> Result<(), PveError> {
        let script = self.node.snippet(volume).filter(|script| script.is_file());
        let Some(script) = script else {
            return Err(self.failed(format!("hookscript: script '{volume}' does not exist\n")));
        };
        let executable = script.metadata()?.permissions().mode() & 0o111 != 0;
        if !executable {
            return Err(self.failed(format!(
                "hookscript: script '{}' is not executable\n",
                script.display()
            )));
        }
        let called = Instant::now();
        let status = self.spawn_and_wait(&script)?;
        self.note(called.elapsed());
        let shown = format!(
            "command '{} {} {}' failed:",
            script.display(),
            self.vmid,
            self.phase.name()
        );
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(()),
            (Some(code), _) => Err(self.failed(format!("{shown} exit code {code}"))),
            (_, signal) => Err(self.failed(format!("{shown} got signal {}", signal.unwrap_or(0)))),
        }
    }

    /// For tests: how long the task was held, a line each.
    fn note(&self, took: Duration) {
        let log = self.node.below("/run/lab-pve/hook-times");
        if let Ok(mut log) = OpenOptions::new().append(true).open(log) {
            let line = format!("{} {} {}\n", self.vmid, self.phase.name(), took.as_millis());
            let _ = log.write_all(line.as_bytes());
        }
    }

    fn spawn_and_wait(&self, script: &Path) -> Result<std::process::ExitStatus, PveError> {
        leak_pipes()?;
        let mut command = Command::new(script);
        command
            .arg(self.vmid.to_string())
            .arg(self.phase.name())
            .env("PATH", "/sbin:/bin:/usr/sbin:/usr/bin")
            .env("LC_ALL", "C")
            .env("LVM_SUPPRESS_FD_WARNINGS", "1")
            .env_remove("LAB_TASK")
            .env_remove("PVE_MIGRATED_FROM")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(source) = &self.migrated_from {
            command.env("PVE_MIGRATED_FROM", source);
        }
        let mut child = command.spawn()?;
        // The hook reads EOF at once.
        drop(child.stdin.take());
        let errors = child
            .stderr
            .take()
            .map(|pipe| std::thread::spawn(|| copy(pipe, std::io::stderr())));
        // Proxmox reads both to their ends before it looks for the child: whoever holds one open
        // in the background holds the task.
        if let Some(pipe) = child.stdout.take() {
            copy(pipe, std::io::stdout());
        }
        if let Some(errors) = errors {
            let _ = errors.join();
        }
        Ok(child.wait()?)
    }

    fn failed(&self, wrong: String) -> PveError {
        PveError::Hook {
            vmid: self.vmid,
            phase: self.phase.name(),
            wrong,
        }
    }
}

fn copy(mut from: impl Read, mut to: impl Write) {
    // Raw, as it comes.
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let _ = to.write_all(&piece[..length]).and_then(|()| to.flush());
    }
}

/// Proxmox's tasks leak their own pipes into the hook, on the command line as 6, 7 and 10. They stay
/// open to the end of the task, there as here.
fn leak_pipes() -> Result<(), PveError> {
    static LEAKED: OnceLock<(PipeReader, PipeWriter)> = OnceLock::new();
    if LEAKED.get().is_some() {
        return Ok(());
    }
    let (reader, writer) = pipe()?;
    let failed = |errno: nix::Error| PveError::Double(errno.to_string());
    for number in [6, 7, 10] {
        // Copies are not close-on-exec.
        let copied = if number == 6 {
            fcntl(&reader, FcntlArg::F_DUPFD(number))
        } else {
            fcntl(&writer, FcntlArg::F_DUPFD(number))
        };
        copied.map_err(failed)?;
    }
    let _ = LEAKED.set((reader, writer));
    Ok(())
}
