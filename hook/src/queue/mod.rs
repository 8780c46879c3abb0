//! The queue between hookscript and worker: one file per event.
//!
//! The hookscript writes in `tmp/` and renames into `queue/`, which systemd watches. An event that stays
//! there, or 50 in 5 s, would put the path unit into `failed` for good, so the worker's first act is to
//! rename every event into `work/`. What it cannot read goes to `rejected/`, what it has finished to the
//! flight recorder in `events/`.

mod recorder;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use phoenix_common::fs::{FileError, read_limited};
use phoenix_common::vmid::Vmid;

pub use recorder::{EventOutcome, FinishedEvent, RECORD_VERSION};

use crate::event::{EVENT_VERSION, Event, Trigger};
use crate::host;
use crate::paths::Paths;

/// Largest event read; ours have some 600 bytes.
const EVENT_LIMIT_BYTES: u64 = 64 << 10;

/// The queue's folders.
#[derive(Debug, Clone)]
pub struct Queue {
    paths: Paths,
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
        let moved = move_file(&half, &whole);
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

    /// Moves every file of `queue/` to `work/`; the number of files moved.
    pub fn take_all(&self) -> Result<usize, QueueError> {
        self.create_folders()?;
        let names = list(&self.paths.queue_dir())?;
        for name in &names {
            move_file(
                &self.paths.queue_dir().join(name),
                &self.paths.work_dir().join(name),
            )?;
        }
        Ok(names.len())
    }

    /// The events in `work/`, oldest first. A file that is no event is moved to `rejected/` and logged.
    pub fn pending(&self) -> Result<Vec<Event>, QueueError> {
        let folder = self.paths.work_dir();
        let mut events = Vec::new();
        for name in list(&folder)? {
            match read_event(&folder.join(&name)) {
                Ok(event) if file_name(&event.id).as_str() == name => events.push(event),
                Ok(event) => self.reject(&name, &format!("holds event {}", event.id))?,
                Err(reason) => self.reject(&name, &reason)?,
            }
        }
        Ok(events)
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
    /// again.
    pub fn finish(&self, event: &Event, outcome: &EventOutcome) -> Result<(), QueueError> {
        recorder::record(&self.paths.events_dir(), event, outcome)?;
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

    /// Moves a file of `work/` out of the way.
    fn reject(&self, name: &OsStr, reason: &str) -> Result<(), QueueError> {
        let to = self.paths.rejected_dir().join(name);
        tracing::warn!(file = %to.display(), reason, "not an event, put aside");
        move_file(&self.paths.work_dir().join(name), &to)
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

/// The guests that events wait for, each once; for people. What cannot be read counts as nothing.
pub fn pending_vmids(paths: &Paths) -> BTreeSet<Vmid> {
    let waiting = Queue::new(paths).waiting().unwrap_or_default();
    waiting.iter().map(|event| event.vmid).collect()
}

fn file_name(id: &str) -> String {
    format!("{id}.json")
}

fn read_event(path: &Path) -> Result<Event, String> {
    let content = read_limited(path, EVENT_LIMIT_BYTES).map_err(|error| error.to_string())?;
    let event: Event = serde_json::from_slice(&content).map_err(|error| error.to_string())?;
    if event.version > EVENT_VERSION {
        return Err(format!("version {} of a newer phoenix-hook", event.version));
    }
    Ok(event)
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Renames and syncs the target's folder.
fn move_file(from: &Path, to: &Path) -> Result<(), QueueError> {
    let moved = fs::rename(from, to).and_then(|()| {
        let folder = to.parent().unwrap_or(Path::new("/"));
        File::open(folder)?.sync_all()
    });
    moved.map_err(|source| QueueError::Move {
        from: from.to_owned(),
        to: to.to_owned(),
        source,
    })
}

/// The names in a folder, sorted: oldest event first. A folder that is not there is empty.
fn list(folder: &Path) -> Result<Vec<std::ffi::OsString>, QueueError> {
    let failed = |source| QueueError::List {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
