//! How a job ended, as its file says it.

use phoenix_common::fs::{read_json, write_json};
use phoenix_common::wire::{AgentFailure, JobState, WorkReport};

use super::error::JobError;
use super::folder::JobFolder;

/// Most changes and most warnings kept in a report: both with the progress fit into one response.
const ENTRIES_LIMIT: usize = 500;

/// Writes the result whole or not at all. It stands until the job is swept.
pub(super) fn write(
    folder: &JobFolder,
    outcome: Result<WorkReport, AgentFailure>,
) -> Result<(), JobError> {
    let state = match outcome {
        Ok(report) => JobState::Succeeded(bounded(report)),
        Err(failure) => JobState::Failed(failure),
    };
    write_json(&folder.result(), &state).map_err(|source| JobError::File {
        job: folder.job().to_owned(),
        source,
    })
}

/// The result, if the job has come to its end.
pub(super) fn read(folder: &JobFolder) -> Option<JobState> {
    read_json(&folder.result()).ok()
}

fn bounded(mut report: WorkReport) -> WorkReport {
    let more = report.changes.len().saturating_sub(ENTRIES_LIMIT);
    if more > 0 {
        report.changes.truncate(ENTRIES_LIMIT);
        report.warnings.truncate(ENTRIES_LIMIT);
        report
            .warnings
            .push(format!("{more} more changes are not listed"));
    }
    report.warnings.truncate(ENTRIES_LIMIT + 1);
    report
}
