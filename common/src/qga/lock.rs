//! The lock file by which Phoenix's own processes take turns at one guest's socket.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use super::error::QgaError;
use crate::retry::Deadline;

const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Waits for the lock until `deadline`. It is held until the file is dropped; the kernel lets it go
/// when the process dies.
pub(super) async fn acquire(path: &Path, deadline: Deadline) -> Result<File, QgaError> {
    let failed = |source| QgaError::Lock {
        path: path.to_owned(),
        source,
    };
    let file = open(path).map_err(failed)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if deadline.has_passed() => {
                return Err(QgaError::LockBusy {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(RETRY_INTERVAL).await,
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}
