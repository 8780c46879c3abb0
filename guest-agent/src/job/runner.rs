//! The process of a job: takes the lock, reads the work, does it, writes the result.

use phoenix_common::fail_point;
use phoenix_common::fs::{read_json, write_atomic};
use phoenix_common::wire::{AgentFailure, FailureKind, Work, WorkReport};

use super::error::JobError;
use super::folder::JobFolder;
use super::name::JobName;
use super::{result, start};
use crate::failure::{failed, failure};
use crate::paths::Paths;
use crate::progress::ProgressLog;
use crate::work;

/// Does the work of `job`. With `detach` it first leaves the session of who started it.
///
/// # Errors
/// The job cannot be run or its result not be kept. Failed work is a result, not an error.
pub async fn run(paths: &Paths, job: &JobName, detach: bool) -> Result<(), JobError> {
    if detach {
        // Fails only for a process group leader, which then has a group of its own anyway.
        let _ = nix::unistd::setsid();
    }
    let folder = JobFolder::of(paths, job);
    let _lock = folder.lock()?;
    let work = take_request(&folder)?;
    write_atomic(&folder.started(), b"", 0o600).map_err(|source| JobError::File {
        job: job.to_string(),
        source,
    })?;
    let outcome = match work {
        Ok(work) => {
            let kind = start::kind(&work);
            fail_point!("job {kind} begun");
            let outcome = do_work(paths, &folder, work).await;
            fail_point!("job {kind} done, its result not written");
            outcome
        }
        Err(failure) => Err(failure),
    };
    match &outcome {
        Ok(report) => {
            tracing::info!(
                job = job.as_str(),
                changes = report.changes.len(),
                "job succeeded"
            );
        }
        Err(failure) => tracing::error!(
            job = job.as_str(),
            "job {job} failed: {}",
            failure.messages.join(": ")
        ),
    }
    result::write(&folder, outcome)
}

/// Reads the request and unlinks it. A request that cannot be read is the job's result.
fn take_request(folder: &JobFolder) -> Result<Result<Work, AgentFailure>, JobError> {
    let read = read_json::<Work>(&folder.request());
    if let Err(error) = &read
        && error.is_not_found()
    {
        return Err(JobError::GivenUp(folder.job().to_owned()));
    }
    let _ = std::fs::remove_file(folder.request());
    Ok(read.map_err(|error| failure(FailureKind::Failed, &error)))
}

async fn do_work(
    paths: &Paths,
    folder: &JobFolder,
    work: Work,
) -> Result<WorkReport, AgentFailure> {
    let mut progress = ProgressLog::to_file(&folder.progress()).map_err(|error| {
        failed(
            FailureKind::Failed,
            format!("cannot write {}: {error}", folder.progress().display()),
        )
    })?;
    let (job, kind) = (folder.job(), start::kind(&work));
    tracing::info!(job, work = kind, "job {job} works: {kind}");
    work::run(paths, work, &mut progress).await
}
