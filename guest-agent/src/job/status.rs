//! What a job does or how it ended.

use std::io::{BufRead, BufReader, Read};

use nix::fcntl::FlockArg;
use phoenix_common::fs::read_limited;
use phoenix_common::wire::{JobState, JobStatus, Progress, RunningJob};

use super::folder::{JobFolder, lock, start_lock_path};
use super::name::JobName;
use super::result;
use crate::paths::Paths;

/// Most progress sent in one answer, in bytes; the rest comes with the next question.
const PROGRESS_LIMIT_BYTES: usize = 256 << 10;
/// Longest progress file read, in bytes: more than a log of ours can have.
const PROGRESS_FILE_LIMIT_BYTES: u64 = 16 << 20;

/// The state of a job and its progress from line `after` on. A job that is said to be lost stays lost.
pub fn status(paths: &Paths, job: &JobName, after: usize) -> JobStatus {
    let folder = JobFolder::of(paths, job);
    JobStatus {
        state: state(paths, &folder),
        progress: progress(&folder, after),
    }
}

/// The jobs that work. One whose result stands has done its work, also while its process still ends: the
/// next job may start as soon as the hypervisor has read the result.
pub fn running(paths: &Paths) -> Vec<RunningJob> {
    let mut jobs: Vec<RunningJob> = JobFolder::all(paths)
        .iter()
        .filter(|folder| folder.is_running() && !folder.result().exists())
        .map(described)
        .collect();
    jobs.sort_by(|left, right| left.job.cmp(&right.job));
    jobs
}

/// The job and its work's kind.
pub(super) fn described(folder: &JobFolder) -> RunningJob {
    let work = read_limited(&folder.work(), 256).unwrap_or_default();
    RunningJob {
        job: folder.job().to_owned(),
        work: String::from_utf8_lossy(&work).trim().to_owned(),
    }
}

fn state(paths: &Paths, folder: &JobFolder) -> JobState {
    if !folder.exists() {
        return JobState::NotFound;
    }
    if let Some(state) = result::read(folder) {
        return state;
    }
    if folder.is_running() {
        return JobState::Running;
    }
    // It may have ended between the two looks.
    if let Some(state) = result::read(folder) {
        return state;
    }
    let is_starting = !folder.started().exists() && is_start_lock_held(paths);
    if is_starting || !give_up(folder) {
        return JobState::Running;
    }
    result::read(folder).unwrap_or(JobState::Lost)
}

fn is_start_lock_held(paths: &Paths) -> bool {
    lock(&start_lock_path(paths), FlockArg::LockSharedNonblock)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Makes sure that a job whose runner never came or is gone will not come to life after all: a late
/// runner finds no request, nor does a half-written one stay, with its token. False when the runner came in this moment.
pub(super) fn give_up(folder: &JobFolder) -> bool {
    let Some(_lock) = folder.try_lock() else {
        return false;
    };
    folder.remove_leftovers();
    true
}

fn progress(folder: &JobFolder, after: usize) -> Vec<Progress> {
    let Ok(file) = std::fs::File::open(folder.progress()) else {
        return Vec::new();
    };
    let mut bytes = 0;
    BufReader::new(file.take(PROGRESS_FILE_LIMIT_BYTES))
        .split(b'\n')
        .map_while(Result::ok)
        .skip(after)
        // A last line that is being written right now is read with the next question.
        .map_while(|line| {
            bytes += line.len();
            (bytes <= PROGRESS_LIMIT_BYTES).then_some(())?;
            serde_json::from_slice(&line).ok()
        })
        .collect()
}
