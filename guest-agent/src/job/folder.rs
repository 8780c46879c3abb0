//! The files of one job and its lock.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::error::JobError;
use super::name::JobName;
use crate::paths::Paths;

/// A lock held; let go when dropped or when the process ends in any way.
pub type Lock = Flock<File>;

/// The folder of one job; it may not exist.
#[derive(Debug, Clone)]
pub struct JobFolder {
    path: PathBuf,
    job: String,
}

impl JobFolder {
    pub fn of(paths: &Paths, job: &JobName) -> Self {
        Self {
            path: paths.jobs().join(job.as_str()),
            job: job.to_string(),
        }
    }

    /// All jobs there are, in no order. Foreign names are left out.
    pub fn all(paths: &Paths) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(paths.jobs()) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<JobName>().ok())
            .map(|job| Self::of(paths, &job))
            .filter(Self::exists)
            .collect()
    }

    pub fn job(&self) -> &str {
        &self.job
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Makes the folder, 0700.
    pub fn create(&self) -> Result<(), JobError> {
        DirBuilder::new()
            .mode(0o700)
            .create(&self.path)
            .map_err(|source| folder_error(&self.path, source))
    }

    /// The work to do, unlinked as soon as the runner has read it: it may hold a token.
    pub fn request(&self) -> PathBuf {
        self.path.join("request.json")
    }

    /// The kind of the work, for people.
    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// There from the moment the runner holds the lock.
    pub fn started(&self) -> PathBuf {
        self.path.join("started")
    }

    pub fn progress(&self) -> PathBuf {
        self.path.join("progress.jsonl")
    }

    /// Removes all but what tells of a job: a request nobody took, files whose writer was killed before they
    /// had their name. To be called with the runner's lock held.
    pub(super) fn remove_leftovers(&self) {
        const KEPT: [&str; 5] = ["lock", "work", "started", "progress.jsonl", "result.json"];
        let Ok(entries) = std::fs::read_dir(&self.path) else {
            return;
        };
        for entry in entries.flatten() {
            let is_kept = KEPT.iter().any(|name| entry.file_name() == *name);
            if !is_kept && let Err(error) = std::fs::remove_file(entry.path()) {
                let (job, path) = (self.job(), entry.path());
                tracing::warn!(job, "cannot remove {}: {error}", path.display());
            }
        }
    }

    pub fn result(&self) -> PathBuf {
        self.path.join("result.json")
    }

    /// The runner's lock, waited for: others hold it only to look.
    pub fn lock(&self) -> Result<Lock, JobError> {
        let path = self.path.join("lock");
        lock(&path, FlockArg::LockExclusive).map_err(|source| folder_error(&path, source))
    }

    /// The runner's lock if nobody holds it.
    pub fn try_lock(&self) -> Option<Lock> {
        lock(&self.path.join("lock"), FlockArg::LockExclusiveNonblock).ok()
    }

    /// Whether a runner lives. Looks with a shared lock, so that two who look do not see each other, and
    /// without making the file: looking changes nothing.
    pub fn is_running(&self) -> bool {
        let Ok(file) = File::open(self.path.join("lock")) else {
            return false;
        };
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => false,
            Err((_, error)) => error == nix::errno::Errno::EWOULDBLOCK,
        }
    }
}

/// Makes the folder of all jobs, 0700, owned by us.
pub fn create_jobs_folder(paths: &Paths) -> Result<(), JobError> {
    let path = paths.jobs();
    let check = || -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        let metadata = std::fs::symlink_metadata(&path)?;
        let is_ours = metadata.is_dir()
            && metadata.uid() == nix::unistd::geteuid().as_raw()
            && metadata.mode().trailing_zeros() >= 6;
        if is_ours {
            Ok(())
        } else {
            Err(io::Error::other("not a folder of ours with mode 0700"))
        }
    };
    check().map_err(|source| folder_error(&path, source))
}

/// The lock that a starter of jobs holds until its job runs: one start at a time.
pub fn start_lock_path(paths: &Paths) -> PathBuf {
    paths.jobs().join(".start")
}

/// Takes a lock on the file `path`, which is made if need be.
pub fn lock(path: &Path, how: FlockArg) -> io::Result<Lock> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    Flock::lock(file, how).map_err(|(_, error)| error.into())
}

fn folder_error(path: &Path, source: io::Error) -> JobError {
    JobError::Folder {
        path: path.to_owned(),
        source,
    }
}
