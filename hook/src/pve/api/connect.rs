//! Which transport this process uses.

use std::path::PathBuf;

use phoenix_common::config::{ApiTrust, PveApi};
use phoenix_common::fs::{FileError, read_limited};

use super::token::{ApiToken, TokenError};
use super::{Local, Pve, Rest};
use crate::https::{FingerprintError, HttpsError, Trust};
use crate::paths::Paths;

/// A chain of certificates.
const AUTHORITY_LIMIT_BYTES: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "this is no Proxmox node ({} is missing), and phoenix_hypervisor_config.json names no pve_api", path.display()
    )]
    NoNode { path: PathBuf },
    #[error("pve_api.fingerprint")]
    Fingerprint(#[from] FingerprintError),
    #[error("pve_api.ca_file")]
    Authority(#[from] FileError),
    #[error("pve_api.token_file")]
    Token(#[from] TokenError),
    #[error("pve_api")]
    Https(#[from] HttpsError),
}

impl Pve {
    /// REST where the settings name a server, else `pvesh`.
    ///
    /// # Errors
    /// There is neither, or what the settings name cannot be used.
    pub fn connect(paths: &Paths, api: Option<&PveApi>) -> Result<Self, ConnectError> {
        let Some(api) = api else {
            let path = paths.pve_dir().join("local");
            if std::fs::symlink_metadata(&path).is_err() {
                return Err(ConnectError::NoNode { path });
            }
            return Ok(Self::Local(Local::new(paths)));
        };
        let trust = match &api.trust {
            ApiTrust::Fingerprint(text) => Trust::Pinned(text.parse()?),
            ApiTrust::AuthorityFile(path) => {
                Trust::Authority(read_limited(path, AUTHORITY_LIMIT_BYTES)?)
            }
        };
        let token = ApiToken::load(&api.token_file)?;
        Ok(Self::Rest(Rest::new(&api.url, &trust, token)?))
    }
}
