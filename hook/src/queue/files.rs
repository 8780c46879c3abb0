//! The queue's file operations, each of them synced.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::QueueError;

/// Creates a new file, whole or not at all.
pub(super) fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Renames and syncs the target's folder.
pub(super) fn move_file(from: &Path, to: &Path) -> Result<(), QueueError> {
    let moved = fs::rename(from, to).and_then(|()| {
        let folder = to.parent().unwrap_or(Path::new("/"));
        File::open(folder)?.sync_all()
    });
    moved.map_err(|source| QueueError::Move {
        from: from.to_owned(),
        to: to.to_owned(),
        source,
    })
}

/// The names in a folder, sorted: oldest event first. A folder that is not there is empty.
pub(super) fn list(folder: &Path) -> Result<Vec<OsString>, QueueError> {
    let failed = |source| QueueError::List {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    names.sort();
    Ok(names)
}
