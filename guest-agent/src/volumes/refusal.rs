//! Why volumes are not touched at all.

use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::FailureKind;

/// What is declared cannot be, or would do harm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeRefusal {
    #[error("\"{}\" is no {what} of a volume", Untrusted(word))]
    Word { what: &'static str, word: String },
    #[error("{0}")]
    MountPoint(String),
    #[error("volumes {one} and {other} would be mounted into each other, or have one name")]
    Overlap { one: String, other: String },
    #[error("{mount_point} holds files: a volume mounted there would hide them")]
    NotEmpty { mount_point: String },
    #[error("{mount_point} is no folder")]
    NoFolder { mount_point: String },
    #[error("{mount_point} has a mount unit that is not Phoenix's")]
    ForeignUnit { mount_point: String },
    #[error("{} is mounted at {mount_point}, and not by Phoenix", Untrusted(found))]
    ForeignMount { mount_point: String, found: String },
}

impl VolumeRefusal {
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Word { .. } | Self::MountPoint(_) | Self::Overlap { .. } => FailureKind::Input,
            _ => FailureKind::Refused,
        }
    }

    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotEmpty { mount_point } | Self::NoFolder { mount_point } => {
                format!("in the guest: move them away, or onto the share (ls -A {mount_point})")
            }
            Self::ForeignUnit { mount_point } => {
                format!("in the guest: systemctl cat {mount_point}; remove it, or the volume")
            }
            Self::ForeignMount { mount_point, .. } => {
                format!("in the guest: umount {mount_point}, or declare what is mounted")
            }
            _ => return None,
        })
    }
}
