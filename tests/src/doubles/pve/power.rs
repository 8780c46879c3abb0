//! Starting and stopping guests: what a task does under the guest's lock, hooks included.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::PveError;
use super::hook_call::{HookCall, Phase};
use super::job::Job;
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::say;
use super::task::{self, Show};
use super::{agent, volume};
use crate::lab::control::QemuStatus;

/// `qm start`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) vmid: u32,
    pub(super) skip_lock: bool,
    /// The target's half of a live migration.
    pub(super) migrated_from: Option<String>,
    /// As vzdump starts a stopped guest: QEMU waits for `cont`.
    pub(super) paused: bool,
}

/// `qm stop`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stop {
    pub(super) vmid: u32,
    pub(super) skip_lock: bool,
    pub(super) migrated_from: Option<String>,
}

/// `qm shutdown` and the first half of `qm reboot`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shutdown {
    pub(super) vmid: u32,
    pub(super) skip_lock: bool,
    pub(super) timeout_seconds: u64,
    pub(super) force_stop: bool,
}

impl Start {
    pub(super) fn run(&self, node: &Node) -> Result<(), PveError> {
        let vmid = self.vmid;
        let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Task)?;
        let mut config = match &self.migrated_from {
            Some(_) => node
                .config_anywhere(vmid)
                .map_or_else(|| node.config(Kind::Qemu, vmid), Ok)?,
            None => node.config(Kind::Qemu, vmid)?,
        };
        if !self.skip_lock {
            check_lock(&config)?;
        }
        if config.get("template") == Some("1") {
            return Err(PveError::died(
                255,
                "you can't start a vm if it's a template",
            ));
        }
        let machines = Machines::of(node);
        if machines.status(vmid).is_some() {
            return Err(PveError::AlreadyRunning(vmid));
        }
        node.check_quorum()?;
        if self.migrated_from.is_none() {
            prepare(node, vmid, &mut config)?;
        }
        let hook = |phase| HookCall {
            node,
            vmid,
            phase,
            migrated_from: Some(self.migrated_from.clone().unwrap_or_default()),
        };
        hook(Phase::PreStart).run(&config)?;
        // Its presence says that post-stop is still owed (Proxmox 9.1.13).
        fs::write(node.run_file(vmid, "cleanup"), "")?;
        let disks = volume::drives(&config);
        if let Some(disk) = disks.iter().find(|drive| !drive.is_cdrom()) {
            machines.place(vmid, &config, &volume::read(node, &disk.volume))?;
        }
        machines.start(vmid, self.first_status())?;
        if self.migrated_from.is_some() {
            say(&format!(
                "migration listens on unix:/run/qemu-server/{vmid}.migrate"
            ));
        }
        hook(Phase::PostStart).run(&config)
    }

    fn first_status(&self) -> QemuStatus {
        if self.migrated_from.is_some() {
            QemuStatus::Inmigrate
        } else if self.paused {
            QemuStatus::Prelaunch
        } else {
            QemuStatus::Running
        }
    }
}

/// What a real start writes before anything runs: pending values, and cloud-init's image.
fn prepare(node: &Node, vmid: u32, config: &mut Config) -> Result<(), PveError> {
    if !config.pending.is_empty() || !config.cloud_init.is_empty() {
        config.apply_pending();
        config.cloud_init.clear();
        node.write_config(Kind::Qemu, vmid, config)?;
    }
    if volume::drives(config)
        .iter()
        .any(volume::Drive::is_cloudinit)
    {
        say("generating cloud-init ISO");
    }
    Ok(())
}

impl Stop {
    pub(super) fn run(&self, node: &Node) -> Result<(), PveError> {
        if self.migrated_from.is_some() {
            return self.abort_migration(node);
        }
        let _held = lock(node, Kind::Qemu, self.vmid, WAIT, Teller::Task)?;
        let config = node.config_or_not_here(Kind::Qemu, self.vmid)?;
        let machines = Machines::of(node);
        if machines.status(self.vmid).is_none() {
            return Ok(());
        }
        if !self.skip_lock {
            check_lock(&config)?;
        }
        stop_hook(node, self.vmid, Phase::PreStop).run(&config)?;
        machines.kill(self.vmid)?;
        finish(node, self.vmid, &config)
    }

    /// Recorded: only post-stop, and without the lock.
    fn abort_migration(&self, node: &Node) -> Result<(), PveError> {
        Machines::of(node).kill(self.vmid)?;
        let config = node.config_anywhere(self.vmid).unwrap_or_default();
        finish(node, self.vmid, &config)
    }
}

impl Shutdown {
    pub(super) fn run(&self, node: &Node) -> Result<(), PveError> {
        let vmid = self.vmid;
        let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Task)?;
        let config = node.config_or_not_here(Kind::Qemu, vmid)?;
        let machines = Machines::of(node);
        if machines.status(vmid).is_none() {
            return Ok(());
        }
        if !self.skip_lock {
            check_lock(&config)?;
        }
        stop_hook(node, vmid, Phase::PreStop).run(&config)?;
        self.ask_guest(node, &config, &machines)?;
        if !machines.await_off(vmid, Duration::from_secs(self.timeout_seconds)) {
            if !self.force_stop {
                return Err(PveError::PowerdownTimeout);
            }
            say("VM still running - terminating now with SIGTERM");
            machines.kill(vmid)?;
        }
        finish(node, vmid, &config)
    }

    /// By its agent when that answers, else by the power button.
    fn ask_guest(&self, node: &Node, config: &Config, machines: &Machines) -> Result<(), PveError> {
        if agent::is_enabled(config) {
            match agent::shut_down(node, self.vmid) {
                Ok(()) => return Ok(()),
                Err(_) => say(&format!(
                    "QEMU Guest Agent is not running - VM {} qga command 'guest-ping' failed - got timeout",
                    self.vmid
                )),
            }
        }
        machines.power_button(self.vmid)
    }
}

pub(super) fn event(
    node: &Node,
    vmid: u32,
    phase: Phase,
    migrated_from: &str,
) -> Result<(), PveError> {
    let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Task)?;
    let config = match node.config(Kind::Qemu, vmid) {
        Err(_) if !migrated_from.is_empty() => node.config_anywhere(vmid).unwrap_or_default(),
        other => other?,
    };
    let starts = matches!(phase, Phase::PreStart | Phase::PostStart);
    let call = HookCall {
        node,
        vmid,
        phase,
        migrated_from: starts.then(|| migrated_from.to_owned()),
    };
    call.run(&config)
}

/// `qm cleanup`, called by qmeventd after every end of a QEMU: post-stop if no task has run it, and
/// the second half of a reboot.
pub(super) fn clean_up(node: &Node, vmid: u32) -> Result<(), PveError> {
    {
        let _held = lock(node, Kind::Qemu, vmid, Duration::from_mins(1), Teller::Tool)?;
        // Migrated away, or destroyed: not ours any more.
        let Ok(config) = node.config(Kind::Qemu, vmid) else {
            return Ok(());
        };
        if Machines::of(node).status(vmid).is_some() {
            return Ok(());
        }
        if node.run_file(vmid, "cleanup").exists() {
            finish(node, vmid, &config)?;
        }
    }
    let reboot = node.run_file(vmid, "reboot");
    if !reboot.exists() {
        return Ok(());
    }
    fs::remove_file(&reboot)?;
    let start = Start {
        vmid,
        ..Start::default()
    };
    task::run(node, Job::Start(start), Show::Stdout).map(drop)
}

fn stop_hook(node: &Node, vmid: u32, phase: Phase) -> HookCall<'_> {
    HookCall {
        node,
        vmid,
        phase,
        migrated_from: None,
    }
}

/// After QEMU has gone: post-stop, then the mark that it has run.
fn finish(node: &Node, vmid: u32, config: &Config) -> Result<(), PveError> {
    let result = stop_hook(node, vmid, Phase::PostStop).run(config);
    let _ = fs::remove_file(node.run_file(vmid, "cleanup"));
    result
}

pub(super) fn check_lock(config: &Config) -> Result<(), PveError> {
    match config.get("lock") {
        Some(lock) => Err(PveError::Locked {
            kind: "VM",
            lock: lock.to_owned(),
        }),
        None => Ok(()),
    }
}
