//! `qm destroy` and `pvesh delete`.

use std::fs;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::PveError;
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::{say, volume};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Destroy {
    pub(super) vmid: u32,
    pub(super) purge: bool,
    pub(super) skip_lock: bool,
}

impl Destroy {
    /// What Proxmox refuses before there is a task.
    pub(super) fn check(&self, node: &Node) -> Result<(), PveError> {
        let config = node.config(Kind::Qemu, self.vmid)?;
        let vmid = self.vmid;
        if config.get("protection") == Some("1") {
            let text = format!("can't remove VM {vmid} - protection mode enabled");
            return Err(PveError::died(255, text));
        }
        if !self.purge && is_ha_managed(node, vmid) {
            let text = format!(
                "unable to remove VM {vmid} - used in HA resources and purge parameter not set."
            );
            return Err(PveError::died(255, text));
        }
        self.check_stopped(node, 25)
    }

    fn check_stopped(&self, node: &Node, code: u8) -> Result<(), PveError> {
        if Machines::of(node).status(self.vmid).is_none() {
            return Ok(());
        }
        let text = format!("VM {} is running - destroy failed", self.vmid);
        Err(PveError::died(code, text))
    }

    /// The task's work.
    pub(super) fn run(&self, node: &Node) -> Result<(), PveError> {
        let _held = lock(node, Kind::Qemu, self.vmid, WAIT, Teller::Task)?;
        let config = node.config(Kind::Qemu, self.vmid)?;
        if !self.skip_lock {
            super::power::check_lock(&config)?;
        }
        self.check_stopped(node, 255)?;
        node.check_writable()?;
        check_unused(node, self.vmid, &config)?;
        for drive in volume::drives(&config) {
            if !drive.is_cdrom() || drive.is_cloudinit() {
                volume::remove(node, &drive.volume);
            }
        }
        Machines::of(node).forget(self.vmid);
        if self.purge {
            say(&format!(
                "purging VM {} from related configurations..",
                self.vmid
            ));
            purge(node, self.vmid)?;
        }
        node.remove_config(Kind::Qemu, self.vmid)
    }
}

/// A template whose linked clones live cannot go.
fn check_unused(node: &Node, vmid: u32, config: &Config) -> Result<(), PveError> {
    let others: Vec<Config> = node
        .guests(Kind::Qemu)
        .into_iter()
        .filter(|other| *other != vmid)
        .filter_map(|other| node.config(Kind::Qemu, other).ok())
        .collect();
    for base in volume::drives(config)
        .iter()
        .filter(|drive| drive.is_base())
    {
        let prefix = format!("{}/", base.volume);
        let mut drives = others.iter().flat_map(volume::drives);
        if drives.any(|drive| drive.volume.starts_with(&prefix)) {
            let text = format!(
                "base volume '{}' is still in use by linked cloned",
                base.volume
            );
            return Err(PveError::died(255, text));
        }
    }
    Ok(())
}

fn ha_file(node: &Node) -> std::path::PathBuf {
    node.etc_pve().join("ha/resources.cfg")
}

fn is_ha_managed(node: &Node, vmid: u32) -> bool {
    let text = fs::read_to_string(ha_file(node)).unwrap_or_default();
    text.lines().any(|line| line == format!("vm: {vmid}"))
}

/// Takes the guest's paragraph out of the HA resources.
fn purge(node: &Node, vmid: u32) -> Result<(), PveError> {
    let Ok(text) = fs::read_to_string(ha_file(node)) else {
        return Ok(());
    };
    let own = format!("vm: {vmid}");
    let kept: Vec<&str> = text
        .split("\n\n")
        .filter(|paragraph| paragraph.lines().next() != Some(own.as_str()))
        .collect();
    fs::write(ha_file(node), kept.join("\n\n"))?;
    Ok(())
}
