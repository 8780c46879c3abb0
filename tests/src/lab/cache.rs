//! What is kept between labs: root trees and packages, each built once and whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::error::LabError;

/// The cache folder: `PHOENIX_LAB_CACHE`, else `/var/cache/phoenix-lab`.
pub(super) fn folder() -> PathBuf {
    std::env::var_os("PHOENIX_LAB_CACHE")
        .map_or_else(|| PathBuf::from("/var/cache/phoenix-lab"), PathBuf::from)
}

/// The entry `key`; `build` makes it in a temporary folder when it is absent or not `whole`.
/// Two processes that want the same entry build it once.
///
/// # Errors
/// Those of `build`, and failures to make folders.
pub(crate) fn entry(
    key: &str,
    whole: impl Fn(&Path) -> bool,
    build: impl FnOnce(&Path) -> Result<(), LabError>,
) -> Result<PathBuf, LabError> {
    let cache = folder();
    let place = cache.join(key);
    fs::create_dir_all(&cache).map_err(LabError::path("create", &cache))?;
    let lock_path = cache.join(format!(".{key}.lock"));
    let lock = File::create(&lock_path).map_err(LabError::path("create", &lock_path))?;
    let _held =
        Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| LabError::Path {
            action: "lock",
            path: lock_path.clone(),
            source: errno.into(),
        })?;
    if whole(&place) {
        return Ok(place);
    }
    // A half-made or broken entry is rebuilt, never repaired.
    let building = cache.join(format!(".{key}.building"));
    remove(&building)?;
    remove(&place)?;
    fs::create_dir(&building).map_err(LabError::path("create", &building))?;
    build(&building)?;
    fs::rename(&building, &place).map_err(LabError::path("rename into", &place))?;
    Ok(place)
}

/// Removes a folder; absent is fine.
pub(super) fn remove(folder: &Path) -> Result<(), LabError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LabError::path("remove", folder)(error))
        }
        _ => Ok(()),
    }
}
