//! What the last runs did to a guest, one file per guest. It serves people (`status`), never decisions.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use phoenix_common::fs::{self, FileError};
use phoenix_common::log::Chain;
use phoenix_common::vmid::Vmid;
use serde::{Deserialize, Serialize};

use crate::lock::{create_private_dir, unix_seconds};
use crate::paths::Paths;

/// Raised when a field changes its meaning; an old fixture stays as a test.
pub const RECORD_VERSION: u32 = 1;

/// The record of one guest. Texts may come from the guest: show them through `Untrusted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub version: u32,
    pub vmid: Vmid,
    pub name: String,
    /// What made the run start: `event 0000…-1002-post-start-17`, `phoenix run`.
    pub trigger: String,
    pub started_unix_seconds: u64,
    /// `None` while the run goes on, or when it was killed.
    pub ended_unix_seconds: Option<u64>,
    pub outcome: Outcome,
    /// Digest of the configuration that the run used.
    pub config_digest: String,
    pub steps: Vec<Step>,
    /// Why it is not converged: one line each.
    pub open: Vec<String>,
    pub notices: Vec<String>,
    pub seen: Seen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Running,
    Converged,
    /// Another guest has to move first; taken up by itself.
    Waiting,
    Failed,
    /// Its guest was stopped, or its process killed.
    Interrupted,
    /// Converged but for parts that are refused or cannot be done.
    Blocked,
}

impl Outcome {
    /// The word `status` shows.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Converged => "converged",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Blocked => "blocked",
        }
    }
}

/// An action and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub action: String,
    /// Empty when it succeeded.
    pub error: String,
    pub milliseconds: u64,
}

/// The few observed facts that `status` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub agent_version: String,
    pub docker_version: String,
    /// `manager of <cluster>`, `worker`, `inactive`.
    pub swarm: String,
    pub boot_id: String,
    /// The manager guests of its Swarm, as long as it is a member: whom pre-stop asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub swarm_managers: Vec<Vmid>,
}

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("cannot create {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{} was written by a newer phoenix-hook (version {version})", path.display())]
    Newer { path: PathBuf, version: u32 },
}

/// Writes the record so that a reader sees the old one or the new one.
pub fn write(paths: &Paths, record: &Record) -> Result<(), RecordError> {
    let path = paths.guest_record(record.vmid);
    let folder = paths.guests_dir();
    create_private_dir(&folder).map_err(|source| RecordError::Folder {
        path: folder,
        source,
    })?;
    Ok(fs::write_json(&path, record)?)
}

/// The record of a guest; `None` when Phoenix never worked on it.
pub fn read(paths: &Paths, vmid: Vmid) -> Result<Option<Record>, RecordError> {
    let path = paths.guest_record(vmid);
    let value: serde_json::Value = match fs::read_json(&path) {
        Ok(value) => value,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if let Some(version) = version.filter(|version| *version > u64::from(RECORD_VERSION)) {
        let version = u32::try_from(version).unwrap_or(u32::MAX);
        return Err(RecordError::Newer { path, version });
    }
    serde_json::from_value(value)
        .map(Some)
        .map_err(|source| FileError::Json { path, source }.into())
}

/// What a new record takes over from the last one until the guest has been seen: its Swarm, for a stop in between.
pub fn carried(paths: &Paths, vmid: Vmid) -> Seen {
    let before = read(paths, vmid).ok().flatten();
    Seen {
        swarm_managers: before.map_or_else(Vec::new, |record| record.seen.swarm_managers),
        ..Seen::default()
    }
}

/// Closes the record of a run that was ended from outside. Records only serve people: a failure is logged.
pub fn interrupt(paths: &Paths, vmid: Vmid, why: &str) {
    let result = read(paths, vmid).and_then(|record| match record {
        Some(mut record) if record.outcome == Outcome::Running => {
            record.outcome = Outcome::Interrupted;
            record.ended_unix_seconds = Some(unix_seconds());
            record.open = vec![why.to_owned()];
            write(paths, &record)
        }
        _ => Ok(()),
    });
    if let Err(error) = result {
        tracing::warn!(vmid = vmid.get(), "record: {}", Chain(&error));
    }
}

/// Says of a guest that waits for another one that nobody waits any longer.
pub fn give_up(paths: &Paths, vmid: Vmid) {
    let result = read(paths, vmid).and_then(|record| match record {
        Some(mut record) if record.outcome == Outcome::Waiting => {
            record.outcome = Outcome::Failed;
            record.open.push("given up waiting".to_owned());
            write(paths, &record)
        }
        _ => Ok(()),
    });
    if let Err(error) = result {
        tracing::warn!(vmid = vmid.get(), "record: {}", Chain(&error));
    }
}

/// The guests that have a record, whether it can be read or not.
pub fn recorded_vmids(paths: &Paths) -> BTreeSet<Vmid> {
    let entries = std::fs::read_dir(paths.guests_dir()).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter_map(|name| name.strip_suffix(".json")?.parse().ok())
        .collect()
}

/// Records a run that could not begin, such as for a mistake in the configuration.
pub fn refuse(paths: &Paths, vmid: Vmid, trigger: &str, why: &str) {
    let now = unix_seconds();
    let record = Record {
        version: RECORD_VERSION,
        vmid,
        name: String::new(),
        trigger: trigger.to_owned(),
        started_unix_seconds: now,
        ended_unix_seconds: Some(now),
        outcome: Outcome::Failed,
        config_digest: String::new(),
        steps: Vec::new(),
        open: vec![why.to_owned()],
        notices: Vec::new(),
        seen: carried(paths, vmid),
    };
    if let Err(error) = write(paths, &record) {
        tracing::warn!(vmid = vmid.get(), "record: {}", Chain(&error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_version_1_is_still_read() {
        let text = include_str!("../tests/fixtures/records/version-1.json");
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path());
        let vmid = Vmid::new(1002).unwrap();
        std::fs::create_dir_all(paths.guests_dir()).unwrap();
        std::fs::write(paths.guest_record(vmid), text).unwrap();
        let record = read(&paths, vmid).unwrap().unwrap();
        assert_eq!((record.version, record.outcome), (1, Outcome::Waiting));
        let kept: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&record).unwrap(), kept);
        assert_eq!(recorded_vmids(&paths), BTreeSet::from([vmid]));
        give_up(&paths, vmid);
        let record = read(&paths, vmid).unwrap().unwrap();
        assert_eq!(record.outcome, Outcome::Failed);
        assert_eq!(record.open.last().unwrap(), "given up waiting");
    }

    #[test]
    fn a_record_of_a_newer_version_is_not_guessed_at() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path());
        let vmid = Vmid::new(1002).unwrap();
        std::fs::create_dir_all(paths.guests_dir()).unwrap();
        std::fs::write(paths.guest_record(vmid), "{\"version\": 2}").unwrap();
        let error = read(&paths, vmid).unwrap_err();
        assert!(matches!(error, RecordError::Newer { version: 2, .. }));
    }
}
