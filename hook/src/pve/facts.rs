//! What an event says about its guest, read from `/etc/pve`.

use std::path::Path;

use phoenix_common::fs::read_limited;
use phoenix_common::vmid::Vmid;

use super::conf::GuestConf;
use super::guest::{PveError, node_name, vmlist};
use crate::event::PveFacts;
use crate::paths::Paths;

/// pmxcfs stores at most 1 MiB in a file.
const CONF_LIMIT_BYTES: u64 = 1 << 20;

/// What Proxmox's files say about a guest.
///
/// # Errors
/// `/etc/pve` cannot be read.
pub fn pve_facts(paths: &Paths, vmid: Vmid) -> Result<PveFacts, PveError> {
    let list = vmlist(paths)?;
    let entry = list.get(vmid);
    let lock = match entry {
        Some(entry) => config_lock(&paths.guest_conf(&entry.node, entry.kind, vmid))?,
        None => None,
    };
    Ok(PveFacts {
        node: node_name(paths)?,
        owner: entry.map(|entry| entry.node.clone()),
        kind: entry.map(|entry| entry.kind),
        lock,
    })
}

/// `lock:` of a configuration file; a file that has just moved has none.
fn config_lock(path: &Path) -> Result<Option<String>, PveError> {
    match read_limited(path, CONF_LIMIT_BYTES) {
        Ok(content) => {
            let conf = GuestConf::parse(&String::from_utf8_lossy(&content));
            Ok(conf.lock().map(str::to_owned))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
