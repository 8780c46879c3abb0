//! Carries steps out, by Proxmox's own tools and as files of the storage.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use phoenix_common::command::CommandError;
use phoenix_common::fs::{FileError, write_atomic};

use super::chain::{Chain, ChainError};
use super::plan::Step;
use super::seen::wrapper_is_current;
use super::storage::Storage;
use super::{Snippets, WRAPPER, below};
use crate::paths::Paths;
use crate::pve::tool::tool;
use crate::pve::vmlist::Kind;

/// `qm set` waits 10 s for the guest's lock, longer in a crowd.
const TOOL_DEADLINE: Duration = Duration::from_mins(1);

#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error("the hookscript file")]
    Wrapper(#[from] FileError),
    #[error("cannot make the folder {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the guest's former hookscript")]
    Chain(#[from] ChainError),
    #[error("Proxmox refused")]
    Tool(#[from] CommandError),
}

/// Lets `storage` hold hookscripts, by `pvesm set`.
///
/// # Errors
/// Proxmox refused.
pub async fn enable_snippets(paths: &Paths, storage: &Storage) -> Result<(), ExecuteError> {
    let content = storage.content_with_snippets();
    let set = tool(paths, "pvesm", TOOL_DEADLINE).args(["set", &storage.id, "--content", &content]);
    set.run().await?;
    Ok(())
}

/// Puts the wrapper in its place, whole or not at all. Whether it had to be written.
///
/// # Errors
/// The storage cannot be written.
pub fn install_wrapper(paths: &Paths, snippets: &Snippets) -> Result<bool, ExecuteError> {
    if wrapper_is_current(paths, snippets) {
        return Ok(false);
    }
    let folder = below(paths, &snippets.folder);
    std::fs::create_dir_all(&folder).map_err(|source| ExecuteError::Folder {
        path: folder,
        source,
    })?;
    write_atomic(
        &below(paths, &snippets.wrapper()),
        WRAPPER.as_bytes(),
        0o755,
    )?;
    Ok(true)
}

/// One change of a guest.
///
/// # Errors
/// Proxmox refused, or a file cannot be written.
pub async fn execute(paths: &Paths, snippets: &Snippets, step: &Step) -> Result<(), ExecuteError> {
    match step {
        Step::WriteChain { vmid, chain } => chain.write(paths, snippets, *vmid)?,
        Step::RemoveChain { vmid } => Chain::remove(paths, snippets, *vmid)?,
        Step::SetHookscript { vmid, kind, volume } => {
            let vmid = vmid.to_string();
            let set = tool(paths, tool_of(*kind), TOOL_DEADLINE);
            set.args(["set", &vmid, "--hookscript", volume])
                .run()
                .await?;
        }
        Step::DeleteHookscript { vmid, kind } => {
            let vmid = vmid.to_string();
            let set = tool(paths, tool_of(*kind), TOOL_DEADLINE);
            set.args(["set", &vmid, "--delete", "hookscript"])
                .run()
                .await?;
        }
    }
    Ok(())
}

fn tool_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Qemu => "qm",
        Kind::Lxc => "pct",
    }
}
