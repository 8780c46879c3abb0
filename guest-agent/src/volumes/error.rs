//! What can go wrong with volumes.

use std::path::PathBuf;

use phoenix_common::command::CommandError;
use phoenix_common::fs::FileError;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::FailureKind;

use super::refusal::VolumeRefusal;
use crate::program::ProgramMissing;

#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    #[error(transparent)]
    Refusal(#[from] VolumeRefusal),
    #[error("cannot mount {source_name} at {mount_point}")]
    Mount {
        mount_point: String,
        source_name: String,
        source: Box<CommandError>,
    },
    #[error("{mount_point} shows {} instead of {wanted}", Untrusted(found))]
    NotProven {
        mount_point: String,
        wanted: String,
        found: String,
    },
    #[error("{source_name} is mounted at {mount_point}, but does not answer")]
    Silent {
        mount_point: String,
        source_name: String,
        source: Box<CommandError>,
    },
    #[error("{mount_point} cannot be unmounted")]
    Busy {
        mount_point: String,
        source: Box<CommandError>,
    },
    #[error("{mount_point} is still mounted")]
    StillMounted { mount_point: String },
    #[error("this guest has no systemd to mount volumes with")]
    NoSystemd,
    #[error("cannot work on {}", path.display())]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Program(#[from] ProgramMissing),
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl VolumeError {
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Refusal(refusal) => refusal.kind(),
            Self::Mount { .. }
            | Self::Silent { .. }
            | Self::Busy { .. }
            | Self::StillMounted { .. }
            | Self::Command(_) => FailureKind::Retryable,
            _ => FailureKind::Failed,
        }
    }

    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refusal(refusal) => return refusal.hint(),
            Self::Mount { mount_point, .. } => format!(
                "the guest tries again by itself; in the guest: systemctl status {mount_point}"
            ),
            Self::Busy { mount_point, .. } => format!("in the guest: fuser -vm {mount_point}"),
            _ => return None,
        })
    }
}
