//! Proves that the hookscript file runs: it is called as Proxmox calls it, for a guest and a phase that do not exist.

use std::path::PathBuf;
use std::time::Duration;

use phoenix_common::command::{Command, CommandError};
use phoenix_common::untrusted::Untrusted;

use super::seen::wrapper_is_current;
use super::{Snippets, below};
use crate::paths::Paths;

/// The call takes milliseconds; a storage that hangs is a finding too.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("{} is not there, or not what this version installs: run phoenix register", _0.display())]
    Wrapper(PathBuf),
    #[error("{} does not run (is its file system mounted with noexec?)", path.display())]
    DoesNotRun { path: PathBuf, source: CommandError },
    #[error(
        "{} runs, but says {} instead of Phoenix's own line: is the package installed?",
        path.display(),
        Untrusted(said)
    )]
    NotPhoenix { path: PathBuf, said: String },
}

/// Calls the wrapper with `0 check`: no guest has that id, so nothing is chained and nothing is queued, and the
/// line that comes back is the program's own.
///
/// # Errors
/// Why a guest that names the wrapper would not start, or would start without Phoenix.
pub async fn prove(paths: &Paths, snippets: &Snippets) -> Result<(), CheckError> {
    let path = below(paths, &snippets.wrapper());
    if !wrapper_is_current(paths, snippets) {
        return Err(CheckError::Wrapper(path));
    }
    let call = Command::new(&path).args(["0", "check"]).deadline(DEADLINE);
    match call.run().await {
        Err(source) => Err(CheckError::DoesNotRun { path, source }),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if said.starts_with("phoenix: ") {
                Ok(())
            } else {
                Err(CheckError::NotPhoenix { path, said })
            }
        }
    }
}
