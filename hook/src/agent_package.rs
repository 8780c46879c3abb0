//! The guest agent's package that this node carries and pushes into guests.

use std::path::PathBuf;

use phoenix_common::fs::{FileError, read_limited};

use crate::paths::Paths;

/// Largest package that is pushed, in bytes.
const PACKAGE_LIMIT_BYTES: u64 = 64 << 20;

/// Where the carried package lies and which version it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPackage {
    pub version: String,
    path: PathBuf,
}

impl AgentPackage {
    /// The package that came with phoenix-hook's own; `None` where there is none (a development build).
    ///
    /// # Errors
    /// The version file is there and cannot be read.
    pub fn carried(paths: &Paths) -> Result<Option<Self>, FileError> {
        let content = match read_limited(&paths.carried_guest_package_version(), 256) {
            Ok(content) => content,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Self {
            version: String::from_utf8_lossy(&content).trim().to_owned(),
            path: paths.carried_guest_package(),
        }))
    }

    /// The package itself.
    ///
    /// # Errors
    /// The file is missing or too large.
    pub fn read(&self) -> Result<Vec<u8>, FileError> {
        read_limited(&self.path, PACKAGE_LIMIT_BYTES)
    }
}
