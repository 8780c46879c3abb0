//! Looks at volumes. Nothing here waits for a server but one bounded question.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use phoenix_common::fs::{FileError, read_limited};
use phoenix_common::spec::VolumeSpec;

use super::error::VolumeError;
use super::mount_table::{self, MountEntry};
use super::observed::{Guard, MountPoint, Mounted, ObservedUnit, ObservedVolumes, Users};
use super::systemctl::systemctl;
use super::{bare, unit, users};
use crate::paths::Paths;
use crate::program;

/// Longest unit file read, in bytes.
const LIMIT_BYTES: u64 = 64 << 10;
/// How long a server may take to say how full it is.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// What is there of the declared volumes and of earlier ones.
pub async fn observe(
    paths: &Paths,
    declared: &[VolumeSpec],
) -> Result<ObservedVolumes, VolumeError> {
    let units = written_units(paths)?;
    let guard = guard(paths)?;
    let mut observed = ObservedVolumes {
        has_mount_program: paths.program("mount.nfs").is_some(),
        ..ObservedVolumes::default()
    };
    if declared.is_empty() && units.is_empty() && guard == Guard::default() {
        return Ok(observed);
    }
    let entries = mount_table::read(&paths.at("/proc/self/mountinfo"))?;
    let declared_points = declared.iter().map(|volume| &volume.mount_point);
    for mount_point in declared_points.chain(units.keys()) {
        if observed.mount_points.contains_key(mount_point) {
            continue;
        }
        let seen = mount_point_seen(paths, &entries, mount_point, units.get(mount_point)).await?;
        observed.mount_points.insert(mount_point.clone(), seen);
    }
    for (mount_point, unit) in &units {
        // Looked for only where something may be unmounted.
        if !is_right(declared, unit)
            && let Some(seen) = observed.mount_points.get_mut(mount_point)
        {
            seen.users = users::of(paths, &entries, mount_point);
        }
    }
    observed.guard = Guard {
        is_loaded: is_loaded(paths, &units).await?,
        ..guard
    };
    observed.units = units;
    Ok(observed)
}

/// Whether something is mounted there; asks no server.
///
/// # Errors
/// The kernel's table cannot be read.
pub fn is_mounted(paths: &Paths, mount_point: &str) -> Result<bool, FileError> {
    let entries = mount_table::read(&paths.at("/proc/self/mountinfo"))?;
    Ok(mount_table::at(&entries, mount_point).is_some())
}

fn is_right(declared: &[VolumeSpec], seen: &ObservedUnit) -> bool {
    let same = |volume: &&VolumeSpec| volume.mount_point == seen.written.mount_point;
    declared.iter().find(same).is_some_and(|volume| {
        let source = volume.source();
        source.is_none_or(|source| unit::mount_unit(volume, &source) == seen.text)
    })
}

async fn mount_point_seen(
    paths: &Paths,
    entries: &[MountEntry],
    mount_point: &str,
    own_unit: Option<&ObservedUnit>,
) -> Result<MountPoint, VolumeError> {
    let unit_path = format!("{}/{}", unit::FOLDER, unit::mount_unit_name(mount_point));
    let mounted = match mount_table::at(entries, mount_point) {
        None => None,
        Some(entry) => Some(Mounted {
            source: entry.source.clone(),
            file_system: entry.file_system.clone(),
            answers: server_answers(paths, mount_point).await?,
        }),
    };
    Ok(MountPoint {
        mounted,
        bare: bare::observe(paths, mount_point),
        foreign_unit: own_unit.is_none() && paths.at(&unit_path).symlink_metadata().is_ok(),
        users: Users::default(),
    })
}

/// A child asks, since the question hangs for as long as the server is away.
async fn server_answers(paths: &Paths, mount_point: &str) -> Result<bool, VolumeError> {
    let asked = program::command(paths, "stat")?
        .args(["-f", "-c", "%T"])
        .arg(paths.at(mount_point))
        .deadline(ANSWER_DEADLINE)
        .run()
        .await;
    Ok(asked.is_ok())
}

/// The mount units that Phoenix has written, by mount point.
fn written_units(paths: &Paths) -> Result<BTreeMap<String, ObservedUnit>, VolumeError> {
    let folder = paths.at(unit::FOLDER);
    let mut units = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Ok(units);
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // A link is none of ours.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || Path::new(&name).extension() != Some("mount".as_ref()) {
            continue;
        }
        let text = text(&entry.path())?.unwrap_or_default();
        let Some(written) = unit::parse(&text) else {
            continue;
        };
        if unit::mount_unit_name(&written.mount_point) == name {
            let is_enabled = is_enabled(paths, &name);
            let mount_point = written.mount_point.clone();
            let seen = ObservedUnit {
                written,
                text,
                is_enabled,
            };
            units.insert(mount_point, seen);
        }
    }
    Ok(units)
}

fn guard(paths: &Paths) -> Result<Guard, VolumeError> {
    let mut files = BTreeMap::new();
    for path in guard_paths() {
        if let Some(text) = text(&paths.at(&path))? {
            files.insert(path, text);
        }
    }
    Ok(Guard {
        files,
        is_enabled: is_enabled(paths, unit::RECOVERY),
        is_loaded: false,
    })
}

/// The drop-in of each engine and the recovery unit.
pub(super) fn guard_paths() -> Vec<String> {
    let folder = unit::FOLDER;
    let drop_ins = unit::ENGINES.map(|engine| format!("{folder}/{engine}.d/{}", unit::DROP_IN));
    let recovery = format!("{folder}/{}", unit::RECOVERY);
    drop_ins.into_iter().chain([recovery]).collect()
}

fn is_enabled(paths: &Paths, unit: &str) -> bool {
    let link = format!("{}/multi-user.target.wants/{unit}", unit::FOLDER);
    paths.at(&link).symlink_metadata().is_ok()
}

async fn is_loaded(
    paths: &Paths,
    units: &BTreeMap<String, ObservedUnit>,
) -> Result<bool, VolumeError> {
    let names = units
        .keys()
        .map(|mount_point| unit::mount_unit_name(mount_point));
    let names: Vec<String> = names
        .chain([unit::RECOVERY.to_owned()])
        .chain(unit::ENGINES.map(str::to_owned))
        .collect();
    let words: Vec<&str> = ["show", "--property=NeedDaemonReload", "--value"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    let shown = systemctl(paths, &words, Duration::from_secs(30)).await?;
    Ok(!shown.lines().any(|line| line.trim() == "yes"))
}

fn text(path: &Path) -> Result<Option<String>, FileError> {
    match read_limited(path, LIMIT_BYTES) {
        Ok(content) => Ok(Some(String::from_utf8_lossy(&content).into_owned())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
