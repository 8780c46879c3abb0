//! The fake Proxmox node in the hands of a test.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::LabError;
use super::handle::Guest;
use super::run::Ran;
use crate::doubles::pve::{Fault, Phase};

/// What `qm` may take: it waits for locks, guests and hooks.
const QM_LIMIT: Duration = Duration::from_mins(5);

/// `pve1`: a machine with real systemd, `/etc/pve`, the guests' agent sockets at their real places, and
/// doubles of `qm`, `pct` and `pvesh`.
#[derive(Debug, Clone)]
pub struct Node(pub(super) Guest);

impl Deref for Node {
    type Target = Guest;

    fn deref(&self) -> &Guest {
        &self.0
    }
}

impl Node {
    /// Installs a package by `dpkg -i`.
    ///
    /// # Errors
    /// The file cannot be read; dpkg failed.
    pub fn install(&self, package: &Path) -> Result<(), LabError> {
        let content = std::fs::read(package).map_err(LabError::path("read", package))?;
        let place = "/root/package.deb";
        self.write(place, content, 0o644)?;
        self.command(&["dpkg", "-i", place])?
            .deadline(QM_LIMIT)
            .ok()?;
        self.sh(&format!("rm {place}")).map(drop)
    }

    /// `qm <words>` as an administrator types it; words are split at blanks.
    ///
    /// # Errors
    /// The node is off.
    pub fn qm(&self, words: &str) -> Result<Ran, LabError> {
        let argv: Vec<&str> = std::iter::once("qm")
            .chain(words.split_whitespace())
            .collect();
        self.command(&argv)?.deadline(QM_LIMIT).run()
    }

    /// Lets something go wrong on the node from now on.
    ///
    /// # Errors
    /// The node is off.
    pub fn switch_on(&self, fault: &Fault) -> Result<(), LabError> {
        let (place, content) = fault.switch();
        self.write(&place, content, 0o600)
    }

    /// # Errors
    /// The node is off.
    pub fn switch_off(&self, fault: &Fault) -> Result<(), LabError> {
        let (place, _) = fault.switch();
        self.sh(&format!("rm -f {place}")).map(drop)
    }

    /// Runs one phase of a guest's hookscript as the task of that phase would, and nothing else.
    ///
    /// # Errors
    /// The node is off.
    pub fn event(&self, vmid: u32, phase: Phase) -> Result<Ran, LabError> {
        self.qm(&format!("lab-event {vmid} {}", phase.name()))
    }
}

/// The packages named `<name>_*.deb` in `PHOENIX_DEB_DIR`, newest last; empty when it is not set.
pub fn packages(name: &str) -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("PHOENIX_DEB_DIR") else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let wanted = format!("{name}_");
    let mut found: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&wanted) && file.ends_with(".deb")
        })
        .collect();
    let changed = |path: &PathBuf| {
        path.metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    found.sort_by_key(changed);
    found
}
