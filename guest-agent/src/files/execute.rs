//! Places one file.

use super::beneath::{Beneath, NewFile};
use super::error::FilesError;
use super::observe::{bounded, bytes};
use super::observed::Found;
use super::placed;
use super::plan::{PlaceFile, differences};
use crate::paths::Paths;
use crate::progress::ProgressLog;
use crate::volumes;

/// Writes the file, unless it is right by now: the volume may only just have been mounted.
///
/// # Errors
/// The volume is not mounted, or a step on it failed; the former file is whole.
pub async fn execute(
    paths: &Paths,
    action: &PlaceFile,
    progress: &mut ProgressLog,
) -> Result<(), FilesError> {
    let destination = format!("{}/{}", action.mount_point, action.below);
    progress.step("files", &destination);
    let mount_point = action.mount_point.clone();
    if !volumes::observe::is_mounted(paths, &mount_point)? {
        return Err(FilesError::NotMounted { mount_point });
    }
    let content = bytes(&action.content).ok_or_else(|| FilesError::Content {
        destination: destination.clone(),
    })?;
    placed::add(paths, &destination)?;
    let (folder, action) = (paths.at(&mount_point), action.clone());
    let placing = tokio::task::spawn_blocking(move || {
        let failed = |(verb, source)| FilesError::Step {
            verb,
            mount_point: action.mount_point.clone(),
            below: action.below.clone(),
            source,
        };
        let beneath = Beneath::open(&folder).map_err(|error| failed(("open", error)))?;
        let found = beneath
            .look(&action.below)
            .map_err(|error| failed(("read", error)))?;
        if let Found::File(found) = &found
            && differences(found, &action.content).is_empty()
        {
            return Ok(());
        }
        let new = NewFile {
            bytes: &content,
            mode: action.content.mode,
            owner: action.content.owner,
        };
        beneath.replace(&action.below, &new).map_err(failed)
    });
    bounded(&mount_point, placing).await
}
