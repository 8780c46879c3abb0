//! What can go wrong while a guest is made as its spec says.

use std::path::PathBuf;

use phoenix_common::command::CommandError;
use phoenix_common::fs::FileError;
use phoenix_common::log::Chain;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::FailureKind;

use crate::docker::error::EngineError;
use crate::failure::Failure;
use crate::files::error::FilesError;
use crate::gpu::error::GpuError;
use crate::program::ProgramMissing;
use crate::volumes::error::VolumeError;
use crate::volumes::refusal::VolumeRefusal;

#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    #[error("\"{}\" is no {what}", Untrusted(word))]
    Word { what: &'static str, word: String },
    #[error("authorized keys are declared without a user")]
    KeysWithoutUser,
    #[error(transparent)]
    Program(#[from] ProgramMissing),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "cannot install; fetching the lists of packages had failed before: {}",
        Chain(update)
    )]
    InstallWithoutLists {
        update: Box<GuestError>,
        #[source]
        install: Box<GuestError>,
    },
    #[error(
        "{} belongs to user id {owner_uid}, not to {user}: it is neither read nor written",
        path.display()
    )]
    KeysOfAnother {
        path: PathBuf,
        owner_uid: u32,
        user: String,
    },
    #[error("{} is a symbolic link, and keys are not written through one", path.display())]
    KeysBehindLink { path: PathBuf },
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("user {0} is not in /etc/passwd although it was created")]
    UserNotCreated(String),
    #[error("{0} is no time zone of this guest's time zone database")]
    NoTimezone(String),
    #[error("{0} is no locale that this guest can make")]
    NoLocale(String),
    #[error(transparent)]
    Volume(Box<VolumeError>),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Gpu(#[from] GpuError),
    #[error("cloud-init still works after {minutes} min")]
    CloudInit { minutes: u64 },
    #[error("Docker does not answer after its start")]
    DockerSilent(#[source] EngineError),
    #[error("this guest has no systemd to start Docker with")]
    NoSystemd,
    #[error("all was done, but it is still not so: {}", what.join(", "))]
    NotConverged { what: Vec<String> },
}

impl Failure for GuestError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Word { .. } | Self::KeysWithoutUser | Self::NoTimezone(_) | Self::NoLocale(_) => {
                FailureKind::Input
            }
            Self::CloudInit { .. } | Self::DockerSilent(_) | Self::Command(_) => {
                FailureKind::Retryable
            }
            Self::InstallWithoutLists { install, .. } => install.kind(),
            Self::Volume(error) => error.kind(),
            Self::Files(error) => error.kind(),
            Self::Gpu(error) => error.kind(),
            _ => FailureKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::CloudInit { .. } => "in the guest: cloud-init status --long",
            Self::DockerSilent(_) => "in the guest: journalctl -u docker.service",
            Self::Volume(error) => return error.hint(),
            Self::Files(error) => return error.hint(),
            Self::KeysOfAnother { path, user, .. } => {
                return Some(format!("in the guest: chown {user}: {}", path.display()));
            }
            Self::KeysBehindLink { .. } => {
                "put what it points at into its place, or leave the keys out of the configuration"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<VolumeError> for GuestError {
    fn from(error: VolumeError) -> Self {
        Self::Volume(Box::new(error))
    }
}

impl From<VolumeRefusal> for GuestError {
    fn from(refusal: VolumeRefusal) -> Self {
        VolumeError::from(refusal).into()
    }
}
