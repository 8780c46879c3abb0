//! Phoenix as the hookscript of guests: the wrapper in a storage's snippets folder, a line in the guest's
//! configuration, and the guest's former hookscript chained behind the wrapper.
//!
//! Order of writes, so that whoever is killed in between leaves guests that start: the wrapper, the chain, the line;
//! backwards the line, then the chain. A chain file whose guest does not name the wrapper does nothing.

mod chain;
mod check;
mod execute;
mod plan;
mod seen;
mod storage;

pub use chain::{Chain, ChainError};
pub use check::{CheckError, prove};
pub use execute::{ExecuteError, enable_snippets, execute, install_wrapper};
pub use plan::{Goal, GuestPlan, Outcome, Refusal, Step, plan};
pub use seen::{GuestSeen, SeenError, see};
pub use storage::{Storage, StorageError, Storages};

use std::path::{Path, PathBuf};

use crate::paths::Paths;

/// The wrapper's text: what the package ships, and what every snippets folder must hold.
pub const WRAPPER: &str = include_str!("../../../packaging/hook/usr/share/phoenix/phoenix-hook.sh");
/// Its file name, by which a guest's hookscript is known as ours.
pub const WRAPPER_NAME: &str = "phoenix-hook.sh";

/// The snippets folder that Phoenix uses, and how guests name the wrapper in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippets {
    pub storage: String,
    /// As programs of the node see it.
    pub folder: PathBuf,
}

impl Snippets {
    /// `local:snippets/phoenix-hook.sh`.
    pub fn volume(&self) -> String {
        format!("{}:snippets/{WRAPPER_NAME}", self.storage)
    }

    pub fn wrapper(&self) -> PathBuf {
        self.folder.join(WRAPPER_NAME)
    }

    /// Where the wrapper looks for guests' former hookscripts.
    pub fn chains(&self) -> PathBuf {
        self.folder.join("phoenix-hook.d")
    }
}

/// Whether a volume id names the wrapper, on whichever storage.
pub fn is_ours(volume: &str) -> bool {
    volume
        .rsplit_once(":snippets/")
        .is_some_and(|(_, name)| name == WRAPPER_NAME)
}

/// A path of the node, below the root of a test.
fn below(paths: &Paths, path: &Path) -> PathBuf {
    if paths.root().as_os_str().is_empty() {
        return path.to_owned();
    }
    paths.root().join(path.strip_prefix("/").unwrap_or(path))
}
