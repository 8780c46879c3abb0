//! What can go wrong with a job itself (not with its work).

use std::path::PathBuf;

use phoenix_common::command::CommandError;
use phoenix_common::fs::FileError;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::FailureKind;

use crate::failure::Failure;
use crate::program::ProgramMissing;

#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("\"{}\" is no job name: 1 to 64 of a-z, 0-9 and -, not starting with -", Untrusted(.0))]
    Name(String),
    #[error("cannot use {}", path.display())]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("job {job}: cannot keep its request or result")]
    File { job: String, source: FileError },
    #[error("job {job}: cannot start its process")]
    Spawn { job: String, source: std::io::Error },
    #[error("job {job}: cannot start its unit")]
    Unit { job: String, source: CommandError },
    #[error("job {job}: cannot start its unit")]
    NoSystemdRun { job: String, source: ProgramMissing },
    #[error("job {job}: its process did not come up within {seconds} s")]
    NotUp { job: String, seconds: u64 },
    #[error("job {0}: its request is gone, another process gave it up")]
    GivenUp(String),
    #[error("another request is starting a job right now")]
    Starting,
}

impl Failure for JobError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Name(_) => FailureKind::Request,
            Self::NotUp { .. } | Self::Starting | Self::Unit { .. } => FailureKind::Retryable,
            _ => FailureKind::Failed,
        }
    }
}
