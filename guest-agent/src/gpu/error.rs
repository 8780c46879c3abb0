//! What can go wrong with Docker's configuration.

use phoenix_common::command::CommandError;
use phoenix_common::fs::FileError;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::FailureKind;

use crate::docker::error::EngineError;
use crate::program::ProgramMissing;

#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    #[error("/etc/docker/daemon.json is no JSON object: Phoenix does not touch it")]
    NoObject,
    #[error("dockerd does not take the configuration: {}", Untrusted(said))]
    NotValid { said: String },
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Program(#[from] ProgramMissing),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("asking Docker for its generic resources")]
    Engine(#[source] EngineError),
}

impl GpuError {
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::NoObject | Self::NotValid { .. } => FailureKind::Refused,
            Self::Command(_) | Self::Engine(_) => FailureKind::Retryable,
            Self::File(_) | Self::Program(_) => FailureKind::Failed,
        }
    }
}
