//! What is seen of volumes.

use std::collections::BTreeMap;

use super::unit::WrittenUnit;

/// Everything the planner looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedVolumes {
    /// Mount units of Phoenix on disk, by mount point.
    pub units: BTreeMap<String, ObservedUnit>,
    /// Declared mount points and those of [`Self::units`].
    pub mount_points: BTreeMap<String, MountPoint>,
    pub guard: Guard,
    /// `mount.nfs` is installed.
    pub has_mount_program: bool,
}

/// A mount unit that Phoenix has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedUnit {
    pub written: WrittenUnit,
    pub text: String,
    pub is_enabled: bool,
}

/// A folder in the guest where a volume is, was or shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountPoint {
    pub mounted: Option<Mounted>,
    /// `None`: it could not be looked at.
    pub bare: Option<Bare>,
    /// A mount unit of that name which somebody else has written.
    pub foreign_unit: bool,
    /// Who has it open, where that was looked for.
    pub users: Users,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    pub source: String,
    pub file_system: String,
    /// The server answers within some seconds.
    pub answers: bool,
}

/// The folder under the mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bare {
    pub kind: BareKind,
    pub is_empty: bool,
    pub protection: Protection,
}

/// Who can write into the bare folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protection {
    #[default]
    None,
    /// Root alone.
    Closed,
    /// Nobody.
    Immutable,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BareKind {
    #[default]
    Absent,
    Folder,
    /// A file, or a link.
    Other,
}

/// Names of processes that keep a volume busy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    pub of_guest: Vec<String>,
    pub in_containers: Vec<String>,
}

impl Users {
    /// Some of them, for people.
    pub fn shown(&self) -> String {
        const SHOWN: usize = 5;
        let all: Vec<&str> = (self.of_guest.iter().chain(&self.in_containers))
            .map(String::as_str)
            .collect();
        let shown: Vec<&str> = all.iter().copied().take(SHOWN).collect();
        let more = all.len().saturating_sub(SHOWN);
        if more == 0 {
            shown.join(", ")
        } else {
            format!("{} and {more} more", shown.join(", "))
        }
    }

    pub fn is_empty(&self) -> bool {
        self.of_guest.is_empty() && self.in_containers.is_empty()
    }
}

/// What keeps engines from starting on bare folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// Texts of the drop-ins by engine, and of the recovery unit; missing ones are absent.
    pub files: BTreeMap<String, String>,
    /// The recovery unit starts at boot.
    pub is_enabled: bool,
    /// systemd has read the units as they are on disk.
    pub is_loaded: bool,
}
