//! The server's database: one JSON file in the data folder, which a test may lose.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::records::{ApiKey, Environment, Named, ResourceControl, Stack, User};
use crate::doubles::portainer::error::DoubleError;

/// The tables.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Tables {
    pub(super) instance_id: String,
    /// Of the last server that ran on it.
    pub(super) version: String,
    pub(super) users: Vec<User>,
    pub(super) keys: Vec<ApiKey>,
    pub(super) environments: Vec<Environment>,
    pub(super) groups: Vec<Named>,
    pub(super) tags: Vec<Named>,
    pub(super) stacks: Vec<Stack>,
    pub(super) resource_controls: Vec<ResourceControl>,
    /// The last id of each table; also of records that were never stored.
    last: BTreeMap<String, i64>,
}

impl Tables {
    /// An id that no record had before.
    pub(super) fn next_id(&mut self, table: &str) -> i64 {
        let last = self.last.entry(table.to_owned()).or_default();
        *last += 1;
        *last
    }

    pub(super) fn environment(&self, id: i64) -> Option<&Environment> {
        self.environments.iter().find(|one| one.id == id)
    }

    pub(super) fn stack(&self, id: i64) -> Option<&Stack> {
        self.stacks.iter().find(|one| one.id == id)
    }

    pub(super) fn control(&self, resource_id: &str) -> Option<&ResourceControl> {
        let mut all = self.resource_controls.iter();
        all.find(|one| one.resource_id == resource_id)
    }

    /// The control of a resource, made when there is none.
    pub(super) fn ensure_control(
        &mut self,
        resource_id: &str,
        kind: i64,
        user_id: Option<i64>,
    ) -> ResourceControl {
        if let Some(found) = self.control(resource_id) {
            return found.clone();
        }
        let made = ResourceControl {
            id: self.next_id("resource_control"),
            resource_id: resource_id.to_owned(),
            kind,
            user_id,
        };
        self.resource_controls.push(made.clone());
        made
    }
}

/// The tables, in memory and on the disk.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    tables: Mutex<Tables>,
}

impl Database {
    /// Opens the database of a data folder, or makes it.
    pub(super) fn open(data: &Path) -> Result<Self, DoubleError> {
        fs::create_dir_all(data).map_err(DoubleError::path("create", data))?;
        let path = data.join("portainer.db.json");
        let tables = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| {
                let path = path.clone();
                DoubleError::Database { path, source }
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Tables::default(),
            Err(error) => return Err(DoubleError::path("read", &path)(error)),
        };
        let tables = Mutex::new(tables);
        Ok(Self { path, tables })
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> T {
        read(&self.lock())
    }

    /// Changes the tables and stores them before anybody else sees them.
    pub(super) fn write<T>(&self, write: impl FnOnce(&mut Tables) -> T) -> T {
        let mut tables = self.lock();
        let result = write(&mut tables);
        let stored = serde_json::to_vec(&*tables)
            .map_err(std::io::Error::from)
            .and_then(|bytes| {
                let new = self.path.with_extension("new");
                fs::write(&new, bytes)?;
                fs::rename(&new, &self.path)
            });
        if let Err(error) = stored {
            // As for the real one, a server without its database is of no use; tests see the text.
            tracing::error!("{}: {error}", self.path.display());
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
