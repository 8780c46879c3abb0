//! What Proxmox told us about a guest, as a file that the worker takes up.
//!
//! Version rule: a field may be added with a default; anything else raises [`EVENT_VERSION`]. The fixtures
//! in `tests/fixtures/events` keep one event of each version.

mod classify;
mod task;

use std::fmt;

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use serde::{Deserialize, Serialize};

pub use classify::Class;
pub use task::{Bulk, TaskFacts};

use crate::pve::vmlist::Kind;

/// The version this build writes.
pub const EVENT_VERSION: u32 = 1;

/// What made the event: one of Proxmox's four phases, or Phoenix itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    PreStart,
    PostStart,
    PreStop,
    PostStop,
    /// Queued by Phoenix: a guest that this one waits for has moved on, or the host was booted.
    Reconcile,
}

impl Trigger {
    /// The phase names of a hookscript (`GuestHelpers.pm`); nothing else is one.
    pub fn from_phase(text: &str) -> Option<Self> {
        [
            Self::PreStart,
            Self::PostStart,
            Self::PreStop,
            Self::PostStop,
        ]
        .into_iter()
        .find(|phase| phase.name() == text)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::PreStart => "pre-start",
            Self::PostStart => "post-start",
            Self::PreStop => "pre-stop",
            Self::PostStop => "post-stop",
            Self::Reconcile => "reconcile",
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// When, by the host's clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// `/proc/sys/kernel/random/boot_id`; events of an earlier boot are over.
    pub boot_id: String,
    /// `CLOCK_BOOTTIME` in nanoseconds: the order of events, whatever is done to the wall clock.
    pub boottime_ns: u64,
    /// Wall time in milliseconds since 1970, for people.
    pub unix_ms: u64,
}

/// What Proxmox's files said about the guest at that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PveFacts {
    /// This node.
    pub node: String,
    /// The node that owns the guest; `None` when `.vmlist` does not have it.
    pub owner: Option<String>,
    /// `None` when `.vmlist` does not have the guest.
    pub kind: Option<Kind>,
    /// `lock:` of the configuration.
    pub lock: Option<String>,
}

/// One event. Its file is `<id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub version: u32,
    /// `<boottime ns, 20 digits>-<vmid>-<trigger>-<pid>`: sorts by time.
    pub id: String,
    pub vmid: Vmid,
    pub trigger: Trigger,
    pub moment: Moment,
    /// The process that wrote the event.
    pub pid: u32,
    /// `PVE_MIGRATED_FROM`, if not empty: the node a migration comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated_from: Option<String>,
    #[serde(default)]
    pub task: TaskFacts,
    /// `Unknown` when `/etc/pve` did not answer in time: the worker looks itself.
    pub pve: Observed<PveFacts>,
    /// Why, for an event of Phoenix's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Event {
    /// An event by process `pid`, about which nothing else is known.
    pub fn new(vmid: Vmid, trigger: Trigger, moment: Moment, pid: u32) -> Self {
        Self {
            version: EVENT_VERSION,
            id: format!("{:020}-{vmid}-{trigger}-{pid}", moment.boottime_ns),
            vmid,
            trigger,
            moment,
            pid,
            migrated_from: None,
            task: TaskFacts::default(),
            pve: Observed::unknown("not looked at"),
            reason: None,
        }
    }

    /// What really happened.
    pub fn class(&self) -> Class {
        classify::classify(self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn event(trigger: Trigger) -> Event {
        let moment = Moment {
            boot_id: "0b9d1ea6-0d5e-4cd5-a26b-1d7ee4a5a1a0".to_owned(),
            boottime_ns: 4_711_000_000,
            unix_ms: 1_795_236_890_691,
        };
        Event::new(Vmid::new(1002).unwrap(), trigger, moment, 17)
    }

    #[test]
    fn ids_sort_by_time_and_names_are_proxmoxs() {
        let event = event(Trigger::PostStart);
        assert_eq!(event.id, "00000000004711000000-1002-post-start-17");
        for name in ["pre-start", "post-start", "pre-stop", "post-stop"] {
            assert_eq!(Trigger::from_phase(name).unwrap().name(), name);
        }
        assert_eq!(Trigger::from_phase("reconcile"), None);
    }

    #[test]
    fn an_event_of_version_1_is_still_read() {
        let text = include_str!("../../tests/fixtures/events/version-1.json");
        let read: Event = serde_json::from_str(text).unwrap();
        assert_eq!(read.version, 1);
        assert_eq!(read.class(), Class::Start);
        assert_eq!(read.task.kind.as_deref(), Some("qmstart"));
        let written = serde_json::to_value(&read).unwrap();
        let kept: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(written, kept);
    }
}
