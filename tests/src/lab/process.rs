//! Processes of a lab, remembered by pid and start time: a pid alone may be another's by now.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use phoenix_common::retry::Deadline;
use serde::{Deserialize, Serialize};

use super::error::LabError;

/// A process that is told apart from a later one with the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    /// Field 22 of `/proc/<pid>/stat`: clock ticks since the host's boot.
    started: u64,
}

impl Process {
    /// The process that now has this pid.
    pub fn of(pid: u32) -> Option<Self> {
        let (state, started) = stat(pid)?;
        (state != 'Z').then_some(Self { pid, started })
    }

    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// It is still there after 10 s.
    pub fn kill(self) -> Result<(), LabError> {
        let deadline = Deadline::after(Duration::from_secs(10));
        while self.is_alive() {
            self.signal(Signal::SIGKILL);
            if deadline.has_passed() {
                return Err(LabError::Control(format!("pid {} does not die", self.pid)));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub fn signal(self, signal: Signal) {
        if let (true, Some(pid)) = (self.is_alive(), self.pid()) {
            // It may have ended since.
            let _ = kill(pid, signal);
        }
    }

    fn pid(self) -> Option<Pid> {
        i32::try_from(self.pid).ok().map(Pid::from_raw)
    }

    /// Reads what [`Self::record`] or a machine's init script (`pid start`) wrote; none when it is dead.
    pub(super) fn recorded(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let process = Self {
            pid: pid.parse().ok()?,
            started: started.parse().ok()?,
        };
        process.is_alive().then_some(process)
    }

    pub(super) fn record(self, path: &Path) -> Result<(), LabError> {
        std::fs::write(path, format!("{} {}\n", self.pid, self.started))
            .map_err(LabError::path("write", path))
    }
}

/// State letter and start time. The name in parentheses may hold anything, so count from its end.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = text.rsplit_once(')')?.1;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    // 20 = field 22 less pid, comm and the index base.
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_process_is_known_again_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = Process::of(child.id()).unwrap();
        process.record(&file).unwrap();
        assert_eq!(Process::recorded(&file), Some(process));
        std::thread::spawn(move || child.wait());
        process.kill().unwrap();
        assert_eq!(Process::recorded(&file), None);
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_it() {
        let own = Process::of(std::process::id()).unwrap();
        let earlier = Process {
            started: own.started - 1,
            ..own
        };
        assert!(!earlier.is_alive());
    }
}
