//! Jobs: how long work is started and followed.

use serde::{Deserialize, Serialize};

use super::{AgentFailure, Change, RunningJob};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStarted {
    Started,
    /// A job of that name was there already.
    Attached,
    /// Another job runs; only one works at a time.
    Busy(RunningJob),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    pub state: JobState,
    /// Lines from the asked-for number on.
    pub progress: Vec<Progress>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// No such job: never started, or the guest was booted anew.
    NotFound,
    Running,
    /// Its process is gone and left no result.
    Lost,
    Succeeded(WorkReport),
    Failed(AgentFailure),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// `docker`, `service dev1_shop_web`.
    pub step: String,
    pub message: String,
}

/// What a finished job did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkReport {
    pub changes: Vec<Change>,
    pub warnings: Vec<String>,
}
