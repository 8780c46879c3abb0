//! Locks between Phoenix's own processes. The kernel frees them when a process dies.
//!
//! Order, always: guest, Swarm, Portainer server.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use phoenix_common::retry::{Backoff, Deadline};
use serde::{Deserialize, Serialize};

/// Who holds a lock, written into its file for those who wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    /// `worker`, `run`, `swarm init`.
    pub verb: String,
    pub since_unix_seconds: u64,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let now = unix_seconds();
        let held = now.saturating_sub(self.since_unix_seconds);
        write!(
            formatter,
            "pid {} ({}), since {held} s",
            self.pid, self.verb
        )
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("cannot lock {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is held by {holder}", path.display())]
    Held { path: PathBuf, holder: String },
}

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until the lock is free, `deadline` at most. `on_wait` hears once who holds it.
    pub async fn acquire(
        path: &Path,
        verb: &str,
        deadline: Deadline,
        mut on_wait: impl FnMut(&str),
    ) -> Result<Self, LockError> {
        let mut told = false;
        for pause in Backoff::new(Duration::from_millis(50), Duration::from_secs(1)) {
            match Self::try_acquire(path, verb) {
                Err(LockError::Held { holder, path }) => {
                    if deadline.has_passed() {
                        return Err(LockError::Held { path, holder });
                    }
                    if !told {
                        on_wait(&holder);
                        told = true;
                    }
                    tokio::time::sleep(pause.min(deadline.remaining())).await;
                }
                result => return result,
            }
        }
        unreachable_backoff(path)
    }

    /// Takes the lock if it is free.
    pub fn try_acquire(path: &Path, verb: &str) -> Result<Self, LockError> {
        let failed = |source| LockError::File {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            create_private_dir(folder).map_err(failed)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    path: path.to_owned(),
                    holder: read_holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        write_holder(&mut file, verb).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Whether some process holds the lock. Looks only: who holds it stays written there.
pub fn is_held(path: &Path) -> bool {
    File::open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// A [`Backoff`] never ends; should it do so, waiting has failed.
fn unreachable_backoff(path: &Path) -> Result<Lock, LockError> {
    Err(LockError::Held {
        path: path.to_owned(),
        holder: "another process".to_owned(),
    })
}

/// Creates a folder that only root may enter, with its parents.
pub fn create_private_dir(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(4096).read_to_string(&mut text);
    match read
        .ok()
        .and_then(|_| serde_json::from_str::<Holder>(&text).ok())
    {
        Some(holder) => holder.to_string(),
        None => "another process".to_owned(),
    }
}

fn write_holder(file: &mut File, verb: &str) -> io::Result<()> {
    let holder = Holder {
        pid: std::process::id(),
        verb: verb.to_owned(),
        since_unix_seconds: unix_seconds(),
    };
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(
        serde_json::to_string(&holder)
            .map_err(io::Error::other)?
            .as_bytes(),
    )
}

/// Wall time in whole seconds since 1970, for people; deadlines are monotonic.
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_told_who_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/guest-1002.lock");
        let held = Lock::try_acquire(&path, "worker").unwrap();
        let mut told = String::new();
        let deadline = Deadline::after(Duration::from_millis(120));
        let waited = Lock::acquire(&path, "run", deadline, |holder| told = holder.to_owned()).await;
        assert!(matches!(waited, Err(LockError::Held { .. })));
        let pid = std::process::id();
        assert!(
            told.starts_with(&format!("pid {pid} (worker), since ")),
            "{told}"
        );
        assert!(is_held(&path));
        drop(held);
        assert!(!is_held(&path));
        Lock::try_acquire(&path, "run").unwrap();
    }
}
