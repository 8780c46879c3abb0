//! Why an action was not carried out.

use phoenix_common::vmid::Vmid;

use crate::channel::{ChannelError, JobError, PackageError};

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
}

impl ExecuteError {
    /// Whether observing and planning anew may help without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Package(_) => false,
            Self::OtherAnswer { .. } => true,
            Self::Channel(error) => error.is_transient(),
            Self::Job(error) => error.is_transient(),
        }
    }
}
