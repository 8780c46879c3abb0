//! Python packages of tests, in environments of their own in the lab's cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use phoenix_common::digest::sha256_hex;

use super::cache;
use super::error::LabError;
use super::run::Run;

/// pip's own time-outs are shorter.
const INSTALL_LIMIT: Duration = Duration::from_mins(5);

/// The `bin` folder of an environment with these requirements; from `PyPI` when the cache has none.
///
/// # Errors
/// [`LabError::Unusable`] where they cannot be installed.
pub fn python_environment(name: &str, requirements: &str) -> Result<PathBuf, LabError> {
    let key = format!("{name}-{}", &sha256_hex(requirements.as_bytes())[..10]);
    let is_whole = |entry: &Path| entry.join("whole").is_file();
    let folder = cache::entry(&key, is_whole, |folder| {
        let list = folder.join("requirements.txt");
        fs::write(&list, requirements).map_err(LabError::path("write", &list))?;
        let script = "/usr/bin/python3 -m venv \"$1\" && \
            \"$1/bin/python3\" -m pip install --quiet --disable-pip-version-check \
            -r \"$1/requirements.txt\" && touch \"$1/whole\"";
        let install = Run::new(["sh", "-c", script, "sh"]).arg(folder);
        let installed = install.deadline(INSTALL_LIMIT).ok();
        installed
            .map(drop)
            .map_err(|error| LabError::Unusable(format!("{name} cannot be installed: {error}")))
    })?;
    Ok(folder.join("bin"))
}
