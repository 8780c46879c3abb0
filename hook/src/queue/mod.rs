//! The queue between hookscript and worker: one file per event.
//!
//! The hookscript writes in `tmp/` and renames into `queue/`, which systemd watches. An event that stays
//! there, or 50 in 5 s, would put the path unit into `failed` for good, so the worker's first act is to
//! rename every event into `work/`. What it cannot read goes to `rejected/`, what it has finished to the
//! flight recorder in `events/`.

mod files;
mod recorder;

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use phoenix_common::fs::{FileError, read_limited};
use phoenix_common::log::Chain;
use phoenix_common::vmid::Vmid;

pub use recorder::{EventOutcome, FinishedEvent, RECORD_VERSION};

use files::{list, move_file, write_synced};

use crate::event::{EVENT_VERSION, Event, Trigger};
use crate::host;
use crate::paths::Paths;

/// Largest event read; ours have some 600 bytes.
const EVENT_LIMIT_BYTES: u64 = 64 << 10;
/// Rejected files of one name.
const MOST_REJECTED: u32 = 100;
const HALF_EVENT_AGE: Duration = Duration::from_hours(1);

/// The queue's folders.
#[derive(Debug, Clone)]
pub struct Queue {
    paths: Paths,
}

/// What [`Queue::pending`] found.
#[derive(Debug, Default)]
pub struct Pending {
    pub events: Vec<Event>,
    /// Files that could not be read just now; they stay where they are.
    pub unreadable: Vec<FileError>,
}

/// Why the queue could not be used; names the place.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot move {} to {}", from.display(), to.display())]
    Move {
        from: PathBuf,
        to: PathBuf,
        source: io::Error,
    },
    #[error("cannot list {}", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("cannot remove {}", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the kernel has no CLOCK_BOOTTIME")]
    Clock { source: nix::errno::Errno },
    #[error("the event cannot be written as JSON")]
    Json { source: serde_json::Error },
}

impl Queue {
    pub fn new(paths: &Paths) -> Self {
        Self {
            paths: paths.clone(),
        }
    }

    /// Puts an event into the queue, whole and synced, or not at all.
    pub fn append(&self, event: &Event) -> Result<(), QueueError> {
        let content =
            serde_json::to_vec_pretty(event).map_err(|source| QueueError::Json { source })?;
        let name = file_name(&event.id);
        let half = self.paths.tmp_dir().join(&name);
        if let Err(source) = write_synced(&half, &content) {
            // Folders are made by the package; made here, a removed folder costs no event.
            if source.kind() != io::ErrorKind::NotFound {
                return Err(QueueError::Write { path: half, source });
            }
            self.create_folders()?;
            write_synced(&half, &content).map_err(|source| QueueError::Write {
                path: half.clone(),
                source,
            })?;
        }
        let whole = self.paths.queue_dir().join(&name);
        let moved = self.move_into(&half, &whole);
        if moved.is_err() {
            let _ = fs::remove_file(&half);
        }
        moved
    }

    /// Asks for a reconcile of a guest, as an event of Phoenix's own; `reason` is for people.
    pub fn request(&self, vmid: Vmid, reason: &str) -> Result<Event, QueueError> {
        let now = host::now().map_err(|source| QueueError::Clock { source })?;
        let mut event = Event::new(vmid, Trigger::Reconcile, now, std::process::id());
        event.reason = Some(reason.to_owned());
        self.append(&event)?;
        Ok(event)
    }

    /// Before the first look: makes the folders, and removes what a killed hookscript left in `tmp/`.
    pub fn prepare(&self) -> Result<(), QueueError> {
        self.create_folders()?;
        self.remove_half_events();
        Ok(())
    }

    /// Moves every file of `queue/` to `work/`; the number of files moved.
    pub fn take_all(&self) -> Result<usize, QueueError> {
        let names = list(&self.paths.queue_dir())?;
        for name in &names {
            let from = self.paths.queue_dir().join(name);
            // Only a folder of that name can be in the way, and it is no event.
            if self
                .move_into(&from, &self.paths.work_dir().join(name))
                .is_err()
            {
                self.put_aside(&from, "cannot be moved to work/")?;
            }
        }
        Ok(names.len())
    }

    /// The events in `work/` whose id is not `known`, oldest first. A file that is no event is moved to `rejected/`
    /// and logged; one that cannot be read just now stays.
    pub fn pending(&self, known: impl Fn(&str) -> bool) -> Result<Pending, QueueError> {
        let folder = self.paths.work_dir();
        let mut pending = Pending::default();
        for name in list(&folder)? {
            if name.to_str().and_then(event_id).is_some_and(&known) {
                continue;
            }
            let path = folder.join(&name);
            match read_event(&path) {
                Ok(event) if file_name(&event.id).as_str() == name => pending.events.push(event),
                Ok(event) => self.put_aside(&path, &format!("holds event {}", event.id))?,
                Err(NotRead::NoEvent(reason)) => self.put_aside(&path, &reason)?,
                Err(NotRead::Unreadable(error)) => pending.unreadable.push(error),
            }
        }
        Ok(pending)
    }

    /// The events that wait in `queue/` and `work/`, oldest first; for people, nothing is moved.
    pub fn waiting(&self) -> Result<Vec<Event>, QueueError> {
        let mut events = Vec::new();
        for folder in [self.paths.queue_dir(), self.paths.work_dir()] {
            let names = list(&folder)?;
            events.extend(
                names
                    .iter()
                    .filter_map(|name| read_event(&folder.join(name)).ok()),
            );
        }
        events.sort_by_key(|event| event.moment.unix_ms);
        Ok(events)
    }

    /// Whether nothing waits, neither in `queue/` nor in `work/`.
    pub fn is_empty(&self) -> Result<bool, QueueError> {
        Ok(list(&self.paths.queue_dir())?.is_empty() && list(&self.paths.work_dir())?.is_empty())
    }

    /// Records an event's outcome, then takes it out of `work/`. A crash in between means that it is worked on
    /// again; a full disk costs the record, not the queue.
    pub fn finish(&self, event: &Event, outcome: &EventOutcome) -> Result<(), QueueError> {
        if let Err(error) = recorder::record(&self.paths.events_dir(), event, outcome) {
            tracing::warn!(event = event.id, error = %Chain(&error), "outcome not recorded");
        }
        let path = self.paths.work_dir().join(file_name(&event.id));
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(QueueError::Remove { path, source })
            }
            _ => Ok(()),
        }
    }

    /// The flight recorder's events, oldest first; unreadable ones are left out.
    pub fn finished(&self) -> Result<Vec<FinishedEvent>, QueueError> {
        recorder::read_all(&self.paths.events_dir())
    }

    /// Moves what is no event to `rejected/`, under a name that is free there.
    fn put_aside(&self, from: &Path, reason: &str) -> Result<(), QueueError> {
        let folder = self.paths.rejected_dir();
        let name = from.file_name().unwrap_or(OsStr::new("nameless"));
        let numbered = |number: u32| {
            let mut other = name.to_owned();
            other.push(format!("~{number}"));
            folder.join(other)
        };
        let mut names = std::iter::once(folder.join(name)).chain((1..=MOST_REJECTED).map(numbered));
        // With so many of one name, the last one is replaced.
        let to = names
            .find(|path| path.symlink_metadata().is_err())
            .unwrap_or_else(|| numbered(MOST_REJECTED));
        tracing::warn!(file = %to.display(), reason, "not an event, put aside");
        move_file(from, &to)
    }

    /// The hookscript writes a file in `tmp/` for milliseconds: an hour later nobody will finish it.
    fn remove_half_events(&self) {
        let folder = self.paths.tmp_dir();
        for name in list(&folder).unwrap_or_default() {
            let path = folder.join(name);
            let written = path.metadata().and_then(|metadata| metadata.modified());
            if written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age > HALF_EVENT_AGE))
            {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// A folder that was removed costs no event.
    fn move_into(&self, from: &Path, to: &Path) -> Result<(), QueueError> {
        match move_file(from, to) {
            Err(QueueError::Move { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                self.create_folders()?;
                move_file(from, to)
            }
            moved => moved,
        }
    }

    fn create_folders(&self) -> Result<(), QueueError> {
        for path in [
            self.paths.tmp_dir(),
            self.paths.queue_dir(),
            self.paths.work_dir(),
            self.paths.rejected_dir(),
            self.paths.events_dir(),
        ] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(|source| QueueError::Write { path, source })?;
        }
        Ok(())
    }
}

fn file_name(id: &str) -> String {
    format!("{id}.json")
}

/// The id in an event file's name.
fn event_id(name: &str) -> Option<&str> {
    name.strip_suffix(".json")
}

/// Why a file gives no event.
enum NotRead {
    /// And never will.
    NoEvent(String),
    /// Perhaps later: the disk, or the limit of open files.
    Unreadable(FileError),
}

fn read_event(path: &Path) -> Result<Event, NotRead> {
    let content = read_limited(path, EVENT_LIMIT_BYTES).map_err(|error| match error {
        FileError::NotAFile { .. } | FileError::TooLarge { .. } => {
            NotRead::NoEvent(error.to_string())
        }
        error => NotRead::Unreadable(error),
    })?;
    let event: Event =
        serde_json::from_slice(&content).map_err(|error| NotRead::NoEvent(error.to_string()))?;
    if event.version > EVENT_VERSION {
        let text = format!("version {} of a newer phoenix-hook", event.version);
        return Err(NotRead::NoEvent(text));
    }
    Ok(event)
}

#[cfg(test)]
mod tests;
