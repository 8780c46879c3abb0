//! Calls a guest's hookscript exactly as Proxmox does (recorded in `hooks.json`).

use std::fs::OpenOptions;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
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
        // Proxmox reads both to their ends before it looks for the child: whoever holds one open
        // in the background holds the task.
        if let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) {
            copy_both(output, errors)?;
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

/// Raw, as it comes, by one reader of both pipes (`run_command`): what is written one after the other stays so.
fn copy_both(output: ChildStdout, errors: ChildStderr) -> Result<(), PveError> {
    let failed = |errno: nix::Error| PveError::Double(errno.to_string());
    let (mut output, mut errors) = (Some(output), Some(errors));
    while output.is_some() || errors.is_some() {
        let ends = output.iter().map(AsFd::as_fd);
        let ends = ends.chain(errors.iter().map(AsFd::as_fd));
        let mut ends: Vec<PollFd<'_>> = ends
            .map(|end| PollFd::new(end, PollFlags::POLLIN))
            .collect();
        match poll(&mut ends, PollTimeout::NONE) {
            Err(nix::Error::EINTR) => continue,
            result => result.map_err(failed)?,
        };
        let mut ready = ends.iter().map(|end| end.any().unwrap_or(true));
        let first = ready.next().unwrap_or_default();
        let second = ready.next().unwrap_or_default();
        drop(ready);
        let (read_output, read_errors) = if output.is_some() {
            (first, second)
        } else {
            (false, first)
        };
        if read_output {
            output = output.and_then(|pipe| copy_piece(pipe, std::io::stdout()));
        }
        if read_errors {
            errors = errors.and_then(|pipe| copy_piece(pipe, std::io::stderr()));
        }
    }
    Ok(())
}

/// What is there now; `None` at the end.
fn copy_piece<R: Read>(mut from: R, mut to: impl Write) -> Option<R> {
    let mut piece = [0; 4096];
    let length = from.read(&mut piece).ok().filter(|length| *length > 0)?;
    let _ = to.write_all(&piece[..length]).and_then(|()| to.flush());
    Some(from)
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
