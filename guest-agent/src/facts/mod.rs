//! What this guest is and what state it is in. Reads only; every part is bounded in time and size.

pub mod addresses;
pub mod cloud_init;
pub mod docker;
pub mod gpus;
mod os;

use phoenix_common::fs::FileError;
use phoenix_common::wire::{Facts, FailureKind, PROTOCOL_OLDEST, PROTOCOL_VERSION};

use crate::failure::Failure;
use crate::job;
use crate::paths::Paths;

/// Why there are no facts at all.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    #[error("cannot tell which boot of the guest this is")]
    BootId(#[source] FileError),
}

impl Failure for FactsError {
    fn kind(&self) -> FailureKind {
        FailureKind::Failed
    }
}

/// Looks at everything. Takes at most some seconds, when Docker is silent.
///
/// # Errors
/// There is no boot id: without it nobody can tell whether the guest was booted anew.
pub async fn collect(paths: &Paths) -> Result<Facts, FactsError> {
    let release = os::release(paths);
    Ok(Facts {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol_oldest: PROTOCOL_OLDEST,
        protocol_newest: PROTOCOL_VERSION,
        boot_id: os::boot_id(paths).map_err(FactsError::BootId)?,
        machine_id: os::line(paths, "/etc/machine-id").unwrap_or_default(),
        hostname: os::line(paths, "/proc/sys/kernel/hostname").unwrap_or_default(),
        os_id: release.id,
        os_version: release.version,
        architecture: std::env::consts::ARCH.to_owned(),
        addresses: addresses::local(),
        has_dpkg: paths.program("dpkg").is_some(),
        cloud_init: cloud_init::state(paths).await,
        docker: docker::observe(paths).await,
        running_jobs: job::status::running(paths),
        gpus: Some(gpus::observe(paths).await),
    })
}
