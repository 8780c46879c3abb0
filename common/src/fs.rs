//! Files: written whole or not at all, read with a limit, locked with the holder's name.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a file could not be read or written; names the file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("{} is larger than {limit_bytes} bytes", path.display())]
    TooLarge { path: PathBuf, limit_bytes: u64 },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is not what Phoenix wrote", path.display())]
    Json {
        path: PathBuf,
        source: serde_json::Error,
    },
}

impl FileError {
    /// Whether the file simply is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a regular file of at most `limit_bytes`. Never hangs on a FIFO, never eats a device.
pub fn read_limited(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(FileError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut content = Vec::new();
    file.take(limit_bytes + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() as u64 > limit_bytes {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit_bytes,
        });
    }
    Ok(content)
}

/// Writes `content` so that a reader sees the old file or the new one, also after a power cut:
/// temporary file in the same folder, sync, rename, sync of the folder.
pub fn write_atomic(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut file = tempfile::Builder::new()
            .prefix(".phoenix-")
            .permissions(std::fs::Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        file.write_all(content)?;
        // The umask may have taken bits away.
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| FileError::Write {
        path: path.to_owned(),
        source,
    })
}

/// [`write_atomic`] of a value as JSON, mode 0600.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let mut content = serde_json::to_vec_pretty(value).map_err(|source| FileError::Json {
        path: path.to_owned(),
        source,
    })?;
    content.push(b'\n');
    write_atomic(path, &content, 0o600)
}

/// Reads what [`write_json`] wrote, at most 16 MiB.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let content = read_limited(path, 16 << 20)?;
    serde_json::from_slice(&content).map_err(|source| FileError::Json {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atomic_write_replaces_and_keeps_the_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        write_atomic(&path, b"old", 0o600).unwrap();
        write_atomic(&path, b"new", 0o640).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_fifo_and_a_large_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(
            read_limited(&fifo, 10),
            Err(FileError::NotAFile { .. })
        ));
        let large = folder.path().join("large");
        std::fs::write(&large, [0; 11]).unwrap();
        assert!(matches!(
            read_limited(&large, 10),
            Err(FileError::TooLarge { .. })
        ));
    }
}
