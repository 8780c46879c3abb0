//! Which Proxmox task a process works for, by its ancestors.
//!
//! A task's process names itself `task UPID:node:pid:pstart:start:type:id:user:` (`RESTEnvironment.pm`).

use std::path::Path;

use phoenix_common::fs::read_limited;
use serde::{Deserialize, Serialize};

/// Tasks nest two deep (`startall` → `qmstart`); the rest is the command line around them.
const MOST_ANCESTORS: usize = 16;
const CMDLINE_LIMIT_BYTES: u64 = 64 << 10;

/// The task around a hook call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFacts {
    /// The nearest task's type: `qmstart`, `vzstop`, `vzdump`… `None` outside any task (guest power-off).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A task over many guests further up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk: Option<Bulk>,
}

/// A task over all guests of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bulk {
    /// The node boots, or somebody chose "bulk start".
    StartAll,
    /// The node shuts down, or somebody chose "bulk shutdown".
    StopAll,
}

impl TaskFacts {
    /// Of the command lines of a process' ancestors, nearest first. Pure.
    pub fn from_command_lines<'line>(lines: impl IntoIterator<Item = &'line str>) -> Self {
        let mut facts = Self::default();
        for kind in lines.into_iter().filter_map(task_type) {
            match kind {
                "startall" => facts.bulk = Some(Bulk::StartAll),
                "stopall" => facts.bulk = Some(Bulk::StopAll),
                _ => {}
            }
            facts.kind.get_or_insert_with(|| kind.to_owned());
        }
        facts
    }

    /// Of this very process. What cannot be read ends the walk.
    pub fn of_this_process() -> Self {
        let mut lines = Vec::new();
        let mut pid = std::os::unix::process::parent_id();
        while pid > 1 && lines.len() < MOST_ANCESTORS {
            let folder = Path::new("/proc").join(pid.to_string());
            let Ok(line) = read_limited(&folder.join("cmdline"), CMDLINE_LIMIT_BYTES) else {
                break;
            };
            lines.push(String::from_utf8_lossy(&line).into_owned());
            let stat = read_limited(&folder.join("stat"), CMDLINE_LIMIT_BYTES).unwrap_or_default();
            let Some(parent) = parent_in_stat(&String::from_utf8_lossy(&stat)) else {
                break;
            };
            pid = parent;
        }
        Self::from_command_lines(lines.iter().map(String::as_str))
    }
}

/// The type in `task UPID:node:pid:pstart:start:type:…`.
fn task_type(command_line: &str) -> Option<&str> {
    let upid = command_line.strip_prefix("task UPID:")?;
    let kind = upid.split(':').nth(4)?;
    let is_word = kind
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_word && (1..=32).contains(&kind.len())).then_some(kind)
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
    fn the_nearest_task_and_the_bulk_task_are_found() {
        let facts = TaskFacts::from_command_lines([
            "task UPID:pve1:00002203:000E171A:6B01267D:qmstart:100:root@pam:",
            "task UPID:pve1:000021FF:000E1710:6B01267C:startall::root@pam:",
            "pvesh\0create\0/nodes/pve1/startall\0",
        ]);
        assert_eq!(facts.kind.as_deref(), Some("qmstart"));
        assert_eq!(facts.bulk, Some(Bulk::StartAll));
    }

    #[test]
    fn a_power_off_has_no_task() {
        let lines = ["/usr/bin/perl\0/usr/sbin/qm\0cleanup\0", "task UPID:x"];
        assert_eq!(TaskFacts::from_command_lines(lines), TaskFacts::default());
    }

    #[test]
    fn the_parent_is_read_behind_any_name() {
        assert_eq!(parent_in_stat("17 (task (a) 1) S 42 17 17 0"), Some(42));
        assert_eq!(parent_in_stat(""), None);
    }
}
