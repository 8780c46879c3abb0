//! What can go wrong with files on volumes.

use phoenix_common::fs::FileError;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::FailureKind;

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error(
        "\"{}\" is no place for a file on a declared volume",
        Untrusted(destination)
    )]
    Destination { destination: String },
    #[error("the content of {destination} is not what its digest says, or too large")]
    Content { destination: String },
    #[error("{mount_point} is not mounted: nothing is written onto the bare folder")]
    NotMounted { mount_point: String },
    #[error("cannot {verb} {below} on the volume at {mount_point}")]
    Step {
        verb: &'static str,
        mount_point: String,
        below: String,
        source: std::io::Error,
    },
    #[error("the server of {mount_point} did not answer within {seconds} s")]
    Silent { mount_point: String, seconds: u64 },
    #[error(transparent)]
    Record(#[from] FileError),
}

impl FilesError {
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Destination { .. } | Self::Content { .. } => FailureKind::Input,
            Self::NotMounted { .. } | Self::Silent { .. } | Self::Step { .. } => {
                FailureKind::Retryable
            }
            Self::Record(_) => FailureKind::Failed,
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Step {
                verb: "give away", ..
            } => Some(
                "the server does not let root give files away (root_squash): leave `owner` out, or allow it there"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
