//! What is there before anything is changed: the guest, its hookscript, the chain, the wrapper.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use phoenix_common::fs::{FileError, read_limited};
use phoenix_common::vmid::Vmid;

use super::chain::{Chain, ChainError};
use super::storage::Storages;
use super::{Snippets, WRAPPER, below};
use crate::paths::Paths;
use crate::pve::conf::GuestConf;
use crate::pve::guest::{PveError, vmlist};
use crate::pve::vmlist::Kind;

const LIMIT_BYTES: u64 = 1 << 20;

/// A guest, as far as its hookscript goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestSeen {
    pub vmid: Vmid,
    /// None: the cluster has no such guest.
    pub owner: Option<(String, Kind)>,
    /// `hookscript:` of its configuration, a volume id.
    pub hookscript: Option<String>,
    /// Where that lies; none when the storage is not known or the file is not there.
    pub script: Option<PathBuf>,
    pub uuid: Option<String>,
    pub lock: Option<String>,
    pub chain: Option<Chain>,
}

#[derive(Debug, thiserror::Error)]
pub enum SeenError {
    #[error("the guests of Proxmox")]
    Pve(#[from] PveError),
    #[error("the configuration of a guest")]
    Conf(#[from] FileError),
    #[error("guest {vmid}")]
    Chain { vmid: Vmid, source: ChainError },
}

/// Looks at one guest.
///
/// # Errors
/// A file of Proxmox or of a chain is there and cannot be read.
pub fn see(
    paths: &Paths,
    storages: &Storages,
    snippets: &Snippets,
    vmid: Vmid,
) -> Result<GuestSeen, SeenError> {
    let list = vmlist(paths)?;
    let owner = list.get(vmid).map(|entry| (entry.node.clone(), entry.kind));
    let conf = match &owner {
        Some((node, kind)) => conf(paths, node, *kind, vmid)?,
        None => GuestConf::default(),
    };
    let hookscript = conf.get("hookscript").map(str::to_owned);
    let script = hookscript
        .as_deref()
        .and_then(|volume| storages.snippet(volume));
    let uuid = conf.get("smbios1").and_then(|value| {
        let mut parts = value.split(',');
        parts
            .find_map(|part| part.strip_prefix("uuid="))
            .map(str::to_owned)
    });
    Ok(GuestSeen {
        vmid,
        owner,
        script: script.filter(|script| below(paths, script).is_file()),
        hookscript,
        uuid,
        lock: conf.lock().map(str::to_owned),
        chain: Chain::read(paths, snippets, vmid)
            .map_err(|source| SeenError::Chain { vmid, source })?,
    })
}

fn conf(paths: &Paths, node: &str, kind: Kind, vmid: Vmid) -> Result<GuestConf, FileError> {
    match read_limited(&paths.guest_conf(node, kind, vmid), LIMIT_BYTES) {
        Ok(content) => Ok(GuestConf::parse(&String::from_utf8_lossy(&content))),
        // It has just moved.
        Err(error) if error.is_not_found() => Ok(GuestConf::default()),
        Err(error) => Err(error),
    }
}

/// Whether the wrapper lies in the folder as this version has it, executable.
pub(super) fn wrapper_is_current(paths: &Paths, snippets: &Snippets) -> bool {
    let place = below(paths, &snippets.wrapper());
    let executable = std::fs::symlink_metadata(&place)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 == 0o111);
    let content = read_limited(&place, LIMIT_BYTES);
    executable && content.is_ok_and(|content| content == WRAPPER.as_bytes())
}
