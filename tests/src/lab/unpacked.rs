//! Programs of Debian packages that work without being installed: fetched once, unpacked in the cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::LabError;
use super::run::Run;
use super::{cache, host};

/// The file `inside` of `package`, in the cache entry `key`.
///
/// # Errors
/// apt could not fetch the package.
pub(super) fn program(key: &str, package: &str, inside: &str) -> Result<PathBuf, LabError> {
    let is_whole = |entry: &Path| entry.join(inside).is_file();
    let folder = cache::entry(key, is_whole, |folder| fetch(package, folder))?;
    Ok(folder.join(inside))
}

fn fetch(package: &str, folder: &Path) -> Result<(), LabError> {
    let download = || {
        let fetch = "cd \"$1\" && apt-get -qq -o APT::Sandbox::User=root download \"$2\"";
        Run::new(["sh", "-c", fetch, "sh"])
            .arg(folder)
            .arg(package)
            .deadline(Duration::from_mins(5))
            .ok()
    };
    if download().is_err() {
        // No package lists yet, or older ones.
        host::apt_update()?;
        download()?;
    }
    let unpack = "cd \"$1\" && dpkg -x \"$2\"_*.deb . && rm \"$2\"_*.deb";
    Run::new(["sh", "-c", unpack, "sh"])
        .arg(folder)
        .arg(package)
        .ok()
        .map(drop)
}
