//! The guest package that the hypervisor carries.

use std::path::PathBuf;

use phoenix_common::fs::{FileError, read_limited};

use crate::paths::Paths;
use crate::plan::agent::numbers;

/// Largest package read.
const PACKAGE_LIMIT_BYTES: u64 = 64 << 20;

/// The `.deb` of `phoenix-guest-agent` that belongs to this build.
#[derive(Clone)]
pub struct CarriedPackage {
    pub content: Vec<u8>,
    pub version: String,
}

impl std::fmt::Debug for CarriedPackage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CarriedPackage")
            .field("version", &self.version)
            .field("bytes", &self.content.len())
            .finish()
    }
}

/// Why the carried package cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error(
        "the guest package is not where the hypervisor package puts it; reinstall phoenix-hook"
    )]
    Read { source: FileError },
    #[error("{} holds no version", path.display())]
    Version { path: PathBuf },
}

impl CarriedPackage {
    /// Reads the package and its version.
    pub fn load(paths: &Paths) -> Result<Self, PackageError> {
        let content = read_limited(&paths.carried_guest_package(), PACKAGE_LIMIT_BYTES)
            .map_err(|source| PackageError::Read { source })?;
        Ok(Self {
            content,
            version: Self::load_version(paths)?,
        })
    }

    /// Reads only its version.
    pub fn load_version(paths: &Paths) -> Result<String, PackageError> {
        let path = paths.carried_guest_package_version();
        let text = read_limited(&path, 256).map_err(|source| PackageError::Read { source })?;
        let version = String::from_utf8_lossy(&text).trim().to_owned();
        if numbers(&version).is_none() {
            return Err(PackageError::Version { path });
        }
        Ok(version)
    }
}
