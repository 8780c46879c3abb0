//! Looks at files on volumes that are mounted and answer. A server that falls silent meanwhile holds a thread,
//! not the agent.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phoenix_common::digest::sha256_hex;
use phoenix_common::spec::{FileContent, FileSpec, VolumeSpec};

use super::beneath::{Beneath, LIMIT_BYTES};
use super::error::FilesError;
use super::observed::{Found, ObservedFiles};
use super::placed;
use super::plan::{Mount, mount_of, place, stays_below};
use crate::paths::Paths;
use crate::volumes::observed::ObservedVolumes;

/// How long all files of one volume may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Checks every file: its place and its content.
///
/// # Errors
/// The first that is not as it says.
pub fn check(files: &[FileSpec], volumes: &[VolumeSpec]) -> Result<(), FilesError> {
    for file in files {
        let destination = &file.destination;
        let is_placed = place(destination, volumes).is_some_and(|(_, below)| stays_below(below));
        if !is_placed {
            return Err(FilesError::Destination {
                destination: destination.clone(),
            });
        }
        if let Some(content) = &file.content {
            bytes(content).ok_or_else(|| FilesError::Content {
                destination: destination.clone(),
            })?;
        }
    }
    Ok(())
}

/// The content, if it is what its digest says.
pub(super) fn bytes(content: &FileContent) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(content.base64.expose()).ok()?;
    let fits = bytes.len() as u64 <= LIMIT_BYTES && content.mode <= 0o777;
    (fits && sha256_hex(&bytes) == content.sha256).then_some(bytes)
}

/// What is there of the declared files and of those placed earlier.
pub async fn observe(
    paths: &Paths,
    files: &[FileSpec],
    volumes: &[VolumeSpec],
    mounts: &ObservedVolumes,
) -> Result<ObservedFiles, FilesError> {
    let declared: Vec<&str> = files.iter().map(|file| file.destination.as_str()).collect();
    let earlier = placed::read(paths);
    let gone = earlier
        .iter()
        .map(String::as_str)
        .filter(|path| !declared.contains(path));
    let asked: Vec<&str> = declared.iter().copied().chain(gone).collect();
    let mut observed = ObservedFiles::default();
    for volume in volumes {
        if mount_of(volume, mounts) != Mount::Right {
            continue;
        }
        let on_it = asked.iter().filter(|path| {
            place(path, volumes).is_some_and(|(of, _)| of.mount_point == volume.mount_point)
        });
        let on_it: Vec<String> = on_it.map(|path| (*path).to_owned()).collect();
        for (destination, found) in look(paths, &volume.mount_point, on_it).await? {
            if declared.contains(&destination.as_str()) {
                observed.found.insert(destination, found);
            } else if found != Found::Absent {
                observed.dropped.push(destination);
            }
        }
    }
    Ok(observed)
}

async fn look(
    paths: &Paths,
    mount_point: &str,
    destinations: Vec<String>,
) -> Result<Vec<(String, Found)>, FilesError> {
    if destinations.is_empty() {
        return Ok(Vec::new());
    }
    let (folder, point) = (paths.at(mount_point), mount_point.to_owned());
    let looking = tokio::task::spawn_blocking(move || {
        let failed = |verb, below: &str, source| FilesError::Step {
            verb,
            mount_point: point.clone(),
            below: below.to_owned(),
            source,
        };
        let beneath = Beneath::open(&folder).map_err(|error| failed("open", ".", error))?;
        let look = |destination: String| {
            let below = destination.strip_prefix(&point).unwrap_or_default();
            let below = below.trim_start_matches('/');
            let found = beneath
                .look(below)
                .map_err(|error| failed("read", below, error))?;
            Ok((destination, found))
        };
        destinations.into_iter().map(look).collect()
    });
    bounded(mount_point, looking).await
}

/// The result of a thread that works on a volume.
pub(super) async fn bounded<T>(
    mount_point: &str,
    thread: tokio::task::JoinHandle<Result<T, FilesError>>,
) -> Result<T, FilesError> {
    match tokio::time::timeout(DEADLINE, thread).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) | Err(_) => Err(FilesError::Silent {
            mount_point: mount_point.to_owned(),
            seconds: DEADLINE.as_secs(),
        }),
    }
}
