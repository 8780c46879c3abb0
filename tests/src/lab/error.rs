//! Why the lab could not do what it was asked.

use std::io;
use std::path::{Path, PathBuf};

use phoenix_common::fs::FileError;
use phoenix_common::untrusted::Untrusted;

/// Every failure of the lab; names the object it failed on.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// This machine cannot hold the lab at all: callers exit 77 or skip.
    #[error("the lab cannot run here: {0}")]
    Unusable(String),
    #[error("cannot {action} {}", path.display())]
    Path {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot run {command}")]
    Spawn { command: String, source: io::Error },
    #[error("{command} did not end within {seconds} s")]
    Deadline { command: String, seconds: u64 },
    #[error("{command} failed with exit code {code}: {}", Untrusted(said))]
    Failed {
        command: String,
        code: i32,
        said: String,
    },
    #[error("no apt source of this machine is a Debian mirror")]
    NoMirror,
    #[error("lab {id} is already up (pid {pid})")]
    AlreadyUp { id: String, pid: u32 },
    #[error("no lab {id}")]
    NoLab { id: String },
    #[error("{id:?} is no lab id: 1 to 12 lower-case letters and digits")]
    BadId { id: String },
    #[error("the lab has no machine {machine}")]
    NoMachine { machine: String },
    #[error("{machine} {wrong}")]
    Machine { machine: String, wrong: String },
    #[error(
        "{machine}: {awaited} did not come within {seconds} s (last: {})",
        Untrusted(last)
    )]
    Waited {
        machine: String,
        awaited: String,
        seconds: u64,
        last: String,
    },
    #[error("lab process: {0}")]
    Control(String),
    #[error("{method} http://{address}{path}: {wrong}")]
    Http {
        method: String,
        address: String,
        path: String,
        wrong: String,
    },
    #[error("QEMU guest agent at {}: {wrong}", path.display())]
    Qga { path: PathBuf, wrong: String },
}

impl LabError {
    /// For `map_err`: `.map_err(LabError::path("create", &path))`.
    pub fn path(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Path {
            action,
            path,
            source,
        }
    }

    pub(crate) fn machine(machine: &str, wrong: impl Into<String>) -> Self {
        Self::Machine {
            machine: machine.to_owned(),
            wrong: wrong.into(),
        }
    }
}
