//! The list of files that Phoenix has placed, so that it can tell which of them are not declared any more.

use std::collections::BTreeSet;
use std::fs;

use phoenix_common::fs::{FileError, read_json, write_json};
use serde::{Deserialize, Serialize};

use crate::paths::Paths;

const FOLDER: &str = "/var/lib/phoenix-guest-agent";
const VERSION: u32 = 1;
/// More than any configuration places.
const FILES_LIMIT: usize = 10_000;

#[derive(Debug, Serialize, Deserialize)]
struct Placed {
    version: u32,
    destinations: BTreeSet<String>,
}

/// The destinations; none when the list is missing or of another Phoenix.
pub(super) fn read(paths: &Paths) -> BTreeSet<String> {
    let list: Result<Placed, FileError> = read_json(&paths.at(FOLDER).join("files.json"));
    match list {
        Ok(list) if list.version == VERSION => {
            list.destinations.into_iter().take(FILES_LIMIT).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Takes `destination` into the list, before it is placed: a run that is cut off forgets nothing.
pub(super) fn add(paths: &Paths, destination: &str) -> Result<(), FileError> {
    let mut destinations = read(paths);
    if !destinations.insert(destination.to_owned()) {
        return Ok(());
    }
    let folder = paths.at(FOLDER);
    fs::create_dir_all(&folder).map_err(|source| FileError::Write {
        path: folder.clone(),
        source,
    })?;
    let list = Placed {
        version: VERSION,
        destinations,
    };
    write_json(&folder.join("files.json"), &list)
}
