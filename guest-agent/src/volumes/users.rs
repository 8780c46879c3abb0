//! Who keeps a volume busy: processes with files or folders of it open, and containers that have it mounted.
//!
//! Links in /proc are read, never followed: the server may be away.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::mount_table::{self, MountEntry};
use super::observed::Users;
use crate::paths::Paths;

/// Most processes named.
const NAMED_LIMIT: usize = 100;

/// Everybody who uses what is mounted at `mount_point`.
pub(super) fn of(paths: &Paths, entries: &[MountEntry], mount_point: &str) -> Users {
    let Some(mounted) = mount_table::at(entries, mount_point) else {
        return Users::default();
    };
    let proc = paths.at("/proc");
    let own_namespace = fs::read_link(proc.join("self/ns/mnt")).ok();
    let mut elsewhere: BTreeMap<PathBuf, bool> = BTreeMap::new();
    let mut users = Users::default();
    for process in processes(&proc) {
        let Ok(namespace) = fs::read_link(process.join("ns/mnt")) else {
            continue;
        };
        if Some(&namespace) == own_namespace.as_ref() {
            if has_open(&process, Path::new(mount_point)) {
                users.of_guest.push(name(&process));
            }
        } else {
            let shares = elsewhere
                .entry(namespace)
                .or_insert_with(|| has_mounted(&process, &mounted.device));
            if *shares {
                users.in_containers.push(name(&process));
            }
        }
    }
    users.of_guest.truncate(NAMED_LIMIT);
    users.in_containers.truncate(NAMED_LIMIT);
    users
}

fn processes(proc: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(proc) else {
        return Vec::new();
    };
    let is_process = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut processes: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    processes.retain(is_process);
    processes.sort();
    processes
}

fn has_open(process: &Path, mount_point: &Path) -> bool {
    let is_inside =
        |link: PathBuf| fs::read_link(link).is_ok_and(|target| target.starts_with(mount_point));
    if ["cwd", "root", "exe"]
        .iter()
        .any(|link| is_inside(process.join(link)))
    {
        return true;
    }
    fs::read_dir(process.join("fd")).is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| is_inside(entry.path())))
    })
}

/// Whether the process' own mounts hold the volume by themselves. Services that systemd fences have copies that
/// go with the guest's mount.
fn has_mounted(process: &Path, device: &str) -> bool {
    let entries = mount_table::read(&process.join("mountinfo")).unwrap_or_default();
    entries
        .iter()
        .any(|entry| entry.device == device && !entry.is_follower)
}

fn name(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let pid = process.file_name().unwrap_or_default().to_string_lossy();
    format!("{} ({pid})", name.trim())
}
