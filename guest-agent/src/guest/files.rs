//! Small files of the guest.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use phoenix_common::fs::{FileError, read_limited, write_atomic};

use super::error::GuestError;

/// Longest configuration file read, in bytes.
const LIMIT_BYTES: u64 = 4 << 20;

/// Most links followed in a row; as the kernel does.
const LINKS_LIMIT: usize = 40;

/// The text of a file; empty when it is not there.
pub(super) fn text(path: &Path) -> Result<String, FileError> {
    match read_limited(path, LIMIT_BYTES) {
        Ok(content) => Ok(String::from_utf8_lossy(&content).into_owned()),
        Err(error) if error.is_not_found() => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// Replaces the text of a file that may be a link to the real one; keeps its mode (new: 0644).
pub(super) fn replace(path: &Path, text: &str) -> Result<(), FileError> {
    let path = target(path);
    let mode = std::fs::metadata(&path).map_or(0o644, |metadata| metadata.permissions().mode());
    write_atomic(&path, text.as_bytes(), mode & 0o7777)
}

/// The file that a chain of links ends at; it may be missing yet.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS_LIMIT {
        let Ok(link) = std::fs::read_link(&path) else {
            break;
        };
        path = path.parent().unwrap_or(Path::new("/")).join(link);
    }
    path
}

/// Points the link `path` at `target`; whoever reads sees the old one or the new one.
pub(super) fn link(path: &Path, target: &Path) -> Result<(), GuestError> {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder)?;
        let temporary = tempfile::Builder::new()
            .prefix(".phoenix-")
            .make_in(folder, |name| std::os::unix::fs::symlink(target, name))?;
        temporary.persist(path)?;
        Ok(())
    };
    write().map_err(|source| GuestError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_also_when_its_file_is_not_there_yet() {
        let root = tempfile::tempdir().unwrap();
        let (link, file) = (
            root.path().join("default/locale"),
            root.path().join("locale.conf"),
        );
        std::fs::create_dir(root.path().join("default")).unwrap();
        std::os::unix::fs::symlink("../locale.conf", &link).unwrap();
        for content in ["first", "second"] {
            replace(&link, content).unwrap();
            assert!(link.is_symlink());
            assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
        }
    }
}
