//! One guest on this node: who owns it, its configuration, nothing of its inside.

use std::path::PathBuf;

use phoenix_common::fs::{FileError, read_limited};
use phoenix_common::vmid::Vmid;

use super::conf::GuestConf;
use super::vmlist::{Kind, VmList};
use crate::paths::Paths;

/// pmxcfs stores at most 1 MiB in a file.
const LIMIT_BYTES: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum PveError {
    #[error("the name of this node")]
    NodeName {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("Proxmox's cluster file system")]
    File(#[from] FileError),
    #[error("{} is not what pmxcfs writes", path.display())]
    VmList {
        path: PathBuf,
        source: serde_json::Error,
    },
}

/// Where a guest is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Here {
        kind: Kind,
        conf: GuestConf,
    },
    OtherNode(String),
    /// The list names this node, the file is not there (any more): between two looks it has moved or gone.
    Moving,
    Nowhere,
}

/// This node's name: `/etc/pve/local` is a link to `nodes/<name>`.
///
/// # Errors
/// `/etc/pve` is not mounted.
pub fn node_name(paths: &Paths) -> Result<String, PveError> {
    let path = paths.pve_dir().join("local");
    let link = std::fs::read_link(&path).map_err(|source| PveError::NodeName {
        path: path.clone(),
        source,
    })?;
    let name = link.file_name().unwrap_or_default();
    Ok(name.to_string_lossy().into_owned())
}

/// The cluster's guests.
///
/// # Errors
/// `/etc/pve/.vmlist` cannot be read.
pub fn vmlist(paths: &Paths) -> Result<VmList, PveError> {
    let path = paths.pve_dir().join(".vmlist");
    let content = read_limited(&path, LIMIT_BYTES)?;
    VmList::parse(&String::from_utf8_lossy(&content))
        .map_err(|source| PveError::VmList { path, source })
}

/// The owner of a guest and, on this node, its configuration.
///
/// # Errors
/// `/etc/pve` cannot be read.
pub fn place(paths: &Paths, vmid: Vmid) -> Result<Place, PveError> {
    let list = vmlist(paths)?;
    let Some(entry) = list.get(vmid) else {
        return Ok(Place::Nowhere);
    };
    if entry.node != node_name(paths)? {
        return Ok(Place::OtherNode(entry.node.clone()));
    }
    let path = paths.guest_conf(&entry.node, entry.kind, vmid);
    match read_limited(&path, LIMIT_BYTES) {
        Ok(content) => Ok(Place::Here {
            kind: entry.kind,
            conf: GuestConf::parse(&String::from_utf8_lossy(&content)),
        }),
        Err(error) if error.is_not_found() => Ok(Place::Moving),
        Err(error) => Err(error.into()),
    }
}
