//! Which Proxmox task a process works for, by its ancestors' command lines. Pure.
//!
//! A task's process names itself `task UPID:node:pid:pstart:start:type:id:user:` (`RESTEnvironment.pm`).

use serde::{Deserialize, Serialize};

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
}
