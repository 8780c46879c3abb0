//! The host itself: its clocks, its boot, the processes above this one.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use phoenix_common::fs::read_limited;

use crate::event::Moment;

/// Tasks nest two deep (`startall` → `qmstart`); the rest is the command line around them.
const MOST_ANCESTORS: usize = 16;
const PROC_FILE_LIMIT_BYTES: u64 = 64 << 10;

/// The host's clocks now.
///
/// # Errors
/// The kernel has no `CLOCK_BOOTTIME`.
pub fn now() -> Result<Moment, nix::errno::Errno> {
    let boottime = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?);
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(Moment {
        boot_id: boot_id(),
        boottime_ns: u64::try_from(boottime.as_nanos()).unwrap_or(u64::MAX),
        unix_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
    })
}

/// The id of this boot of the host; empty if the kernel does not tell.
pub fn boot_id() -> String {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let text = read_limited(path, 128).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// The command lines of this process' ancestors, nearest first. What cannot be read ends the walk.
pub fn ancestor_command_lines() -> Vec<String> {
    let mut lines = Vec::new();
    let mut pid = std::os::unix::process::parent_id();
    while pid > 1 && lines.len() < MOST_ANCESTORS {
        let folder = Path::new("/proc").join(pid.to_string());
        let Ok(line) = read_limited(&folder.join("cmdline"), PROC_FILE_LIMIT_BYTES) else {
            break;
        };
        lines.push(String::from_utf8_lossy(&line).into_owned());
        let stat = read_limited(&folder.join("stat"), PROC_FILE_LIMIT_BYTES).unwrap_or_default();
        let Some(parent) = parent_in_stat(&String::from_utf8_lossy(&stat)) else {
            break;
        };
        pid = parent;
    }
    lines
}

/// The parent's pid in `/proc/<pid>/stat`: second field behind the command's name, which stands in
/// parentheses and may hold some itself (proc(5)).
fn parent_in_stat(stat: &str) -> Option<u32> {
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_read_behind_any_name() {
        assert_eq!(parent_in_stat("17 (task (a) 1) S 42 17 17 0"), Some(42));
        assert_eq!(parent_in_stat(""), None);
    }

    #[test]
    fn this_test_has_an_ancestor_and_a_boot() {
        assert!(!ancestor_command_lines().is_empty());
        assert_eq!(boot_id().len(), 36);
        assert!(now().unwrap().boottime_ns > 0);
    }
}
