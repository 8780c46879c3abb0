//! The flight recorder: every event with what became of it, the newest ones kept.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use phoenix_common::fs::{read_json, write_json};
use serde::{Deserialize, Serialize};

use super::files::list;
use super::{QueueError, file_name};
use crate::event::Event;

/// Raised when a field changes its meaning.
pub const RECORD_VERSION: u32 = 1;
/// A storm of 100 guests with four phases fits twice.
const EVENTS_KEPT: usize = 1000;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "detail")]
pub enum EventOutcome {
    /// The guest is as it shall be.
    Converged,
    /// Nothing had to be done; why.
    Ignored(String),
    /// Another guest has to move first; taken up by itself then.
    Waiting(String),
    /// A newer event of the same guest took its place.
    Superseded(String),
    /// It was given up; why.
    Failed(String),
}

/// An event of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedEvent {
    pub version: u32,
    pub event: Event,
    #[serde(flatten)]
    pub outcome: EventOutcome,
    /// Wall time in milliseconds since 1970.
    pub finished_unix_ms: u64,
}

pub(super) fn record(
    folder: &Path,
    event: &Event,
    outcome: &EventOutcome,
) -> Result<(), QueueError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let finished = FinishedEvent {
        version: RECORD_VERSION,
        event: event.clone(),
        outcome: outcome.clone(),
        finished_unix_ms: now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX)),
    };
    write_json(&folder.join(file_name(&event.id)), &finished)?;
    forget_oldest(folder)
}

/// By the time of writing: a name's clock starts anew with every boot.
fn forget_oldest(folder: &Path) -> Result<(), QueueError> {
    let names = list(folder)?;
    if names.len() <= EVENTS_KEPT {
        return Ok(());
    }
    let written = |path: &Path| {
        path.metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    let mut paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    paths.sort_by_cached_key(|path| written(path));
    for path in paths.iter().take(names.len() - EVENTS_KEPT) {
        fs::remove_file(path).map_err(|source| QueueError::Remove {
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

pub(super) fn read_all(folder: &Path) -> Result<Vec<FinishedEvent>, QueueError> {
    let mut finished: Vec<FinishedEvent> = list(folder)?
        .iter()
        .filter_map(|name| read_json(&folder.join(name)).ok())
        .collect();
    finished.sort_by_key(|finished| finished.event.moment.unix_ms);
    Ok(finished)
}
