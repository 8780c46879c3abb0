//! Why Portainer's containers are not as they shall be.

use phoenix_common::fs::FileError;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::FailureKind;

use crate::docker::error::EngineError;
use crate::failure::Failure;
use crate::stack::fault::Problems;

#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("image {} cannot be pulled", Untrusted(image))]
    Pull { image: String, source: EngineError },
    #[error(
        "the pull of image {} ended with: {}",
        Untrusted(image),
        Untrusted(message)
    )]
    PullEnded { image: String, message: String },
    #[error("image {} was not pulled within {seconds} s", Untrusted(image))]
    PullDeadline { image: String, seconds: u64 },
    #[error("container {name} does not start; {}", outcome(*restored))]
    Start {
        name: String,
        /// Whether what ran before runs again.
        restored: bool,
        source: EngineError,
    },
    #[error("the compose file cannot be read")]
    Compose { source: Problems },
}

fn outcome(restored: bool) -> &'static str {
    if restored {
        "the former one runs again"
    } else {
        "there was none before it"
    }
}

impl Failure for InstanceError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Engine(error) => error.kind(),
            Self::Compose { .. } => FailureKind::Input,
            Self::PullDeadline { .. } => FailureKind::Retryable,
            Self::File(_) | Self::Pull { .. } | Self::PullEnded { .. } | Self::Start { .. } => {
                FailureKind::Failed
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Pull { .. } | Self::PullEnded { .. } | Self::PullDeadline { .. } => {
                Some("nothing was changed; check that the guest reaches the registry".to_owned())
            }
            _ => None,
        }
    }
}
