//! Removes what old jobs left.

use std::time::{Duration, SystemTime};

use super::folder::JobFolder;
use super::status;
use crate::paths::Paths;

/// How long a finished job can be asked for.
const KEPT_FOR: Duration = Duration::from_hours(1);
/// How many finished jobs are kept at most.
const KEPT_AT_MOST: usize = 20;

/// Removes finished and lost jobs that are older than an hour or beyond the newest 20, and what the others
/// left of requests: a starter that was killed may have left a job whose runner is still to come. To be called with
/// the start lock held, so that no job that is starting looks lost.
pub(super) fn sweep(paths: &Paths) {
    let now = SystemTime::now();
    let mut ended: Vec<(SystemTime, JobFolder)> = JobFolder::all(paths)
        .into_iter()
        .filter(|folder| !folder.is_running())
        .map(|folder| (changed(&folder).unwrap_or(now), folder))
        .collect();
    ended.sort_by_key(|(changed, _)| std::cmp::Reverse(*changed));
    for (index, (changed, folder)) in ended.iter().enumerate() {
        let age = now.duration_since(*changed).unwrap_or_default();
        if index < KEPT_AT_MOST && age < KEPT_FOR {
            status::give_up(folder);
            continue;
        }
        // Holding the lock keeps a late runner out; its folder is gone when it gets it.
        let Some(_lock) = folder.try_lock() else {
            continue;
        };
        if let Err(error) = std::fs::remove_dir_all(folder.path()) {
            tracing::warn!(job = folder.job(), "cannot remove an old job: {error}");
        }
    }
}

fn changed(folder: &JobFolder) -> Option<SystemTime> {
    std::fs::metadata(folder.path()).ok()?.modified().ok()
}
