//! Why an action was not carried out.

use phoenix_common::vmid::Vmid;

use crate::channel::{ChannelError, JobError, PackageError};
use crate::portainer::PortainerError;

#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error("the carried guest agent package")]
    Package(#[from] PackageError),
    #[error("guest {vmid} answered another question than was asked")]
    OtherAnswer { vmid: Vmid },
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Portainer(#[from] Box<PortainerError>),
}

impl ExecuteError {
    /// Whether observing and planning anew may help without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Package(_) => false,
            Self::OtherAnswer { .. } => true,
            Self::Channel(error) => error.is_transient(),
            Self::Job(error) => error.is_transient(),
            Self::Portainer(error) => error.is_transient(),
        }
    }

    /// Whether the guest refused it for safety.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Job(error) if error.is_refused())
    }

    /// Whether only the time ran out.
    pub fn is_deadline(&self) -> bool {
        matches!(self, Self::Job(error) if error.is_deadline())
    }
}
