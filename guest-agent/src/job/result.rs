//! How a job ended, as its file says it.

use phoenix_common::fs::{read_json, write_json};
use phoenix_common::wire::{AgentFailure, JobState, WorkReport};

use super::error::JobError;
use super::folder::JobFolder;

/// Most bytes of a report, as JSON: with the progress it fits into one response.
const REPORT_LIMIT_BYTES: usize = 512 << 10;

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

/// The report with as many changes and warnings as fit.
fn bounded(mut report: WorkReport) -> WorkReport {
    let (changes, warnings) = (report.changes.len(), report.warnings.len());
    while size(&report) > REPORT_LIMIT_BYTES {
        report.changes.truncate(report.changes.len() / 2);
        report.warnings.truncate(report.warnings.len() / 2);
    }
    if report.changes.len() < changes || report.warnings.len() < warnings {
        report.warnings.push(format!(
            "the report was too long: it had {changes} changes and {warnings} warnings"
        ));
    }
    report
}

fn size(report: &WorkReport) -> usize {
    serde_json::to_vec(report).map_or(0, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_common::wire::{Change, ChangeVerb};

    #[test]
    fn a_long_report_is_cut_and_says_so() {
        let change = Change {
            verb: ChangeVerb::Create,
            subject: "x".repeat(10_000),
            fields: Vec::new(),
        };
        let short = WorkReport {
            changes: vec![change.clone(); 10],
            warnings: Vec::new(),
        };
        assert_eq!(bounded(short.clone()), short);
        let long = WorkReport {
            changes: vec![change; 1000],
            warnings: Vec::new(),
        };
        let cut = bounded(long);
        assert!(size(&cut) <= REPORT_LIMIT_BYTES + 100);
        assert!(
            cut.warnings[0].contains("1000 changes"),
            "{:?}",
            cut.warnings
        );
    }
}
