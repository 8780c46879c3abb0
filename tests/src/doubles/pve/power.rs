//! Starting and stopping guests: what a task does under the guest's lock, hooks included.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::PveError;
use super::hook_call::{HookCall, Phase};
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::resources::startup_order;
use super::say;
use super::task::{self, Show};
use super::{agent, qm_set};
use crate::lab::control::QemuStatus;

/// What a task does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Job {
    Start(Start),
    Stop(Stop),
    Shutdown(Shutdown),
    Reboot(Shutdown),
    StartAll {
        force: bool,
    },
    StopAll {
        timeout_seconds: u64,
    },
    Resize {
        vmid: u32,
        disk: String,
        size: String,
    },
    /// Only the hook call that such a task makes.
    Event {
        vmid: u32,
        phase: Phase,
        migrated_from: String,
    },
}

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

impl Job {
    pub(super) fn run(&self, node: &Node) -> Result<(), PveError> {
        match self {
            Self::Start(start) => start.run(node),
            Self::Stop(stop) => stop.run(node),
            Self::Shutdown(shutdown) => shutdown.run(node),
            Self::Reboot(shutdown) => {
                fs::write(node.run_file(shutdown.vmid, "reboot"), "")?;
                let result = shutdown.run(node);
                if result.is_err() {
                    let _ = fs::remove_file(node.run_file(shutdown.vmid, "reboot"));
                }
                result
            }
            Self::StartAll { force } => {
                start_all(node, *force);
                Ok(())
            }
            Self::StopAll { timeout_seconds } => {
                stop_all(node, *timeout_seconds);
                Ok(())
            }
            Self::Resize { vmid, disk, size } => qm_set::grow(node, *vmid, disk, size),
            Self::Event {
                vmid,
                phase,
                migrated_from,
            } => event(node, *vmid, *phase, migrated_from),
        }
    }
}

impl Start {
    fn run(&self, node: &Node) -> Result<(), PveError> {
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
        let machines = Machines::of(node);
        if machines.status(vmid).is_some() {
            return Err(PveError::AlreadyRunning(vmid));
        }
        if self.migrated_from.is_none() && !config.pending.is_empty() {
            config.apply_pending();
            node.write_config(Kind::Qemu, vmid, &config)?;
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

impl Stop {
    fn run(&self, node: &Node) -> Result<(), PveError> {
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
    fn run(&self, node: &Node) -> Result<(), PveError> {
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

fn event(node: &Node, vmid: u32, phase: Phase, migrated_from: &str) -> Result<(), PveError> {
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
    task::run(node, "qmstart", Some(vmid), Job::Start(start), Show::Stdout).map(drop)
}

/// Node boot: guests with `onboot`, by order; a group starts when the group before has started.
fn start_all(node: &Node, force: bool) {
    for guest in startup_order(node) {
        if !force && !guest.onboot || Machines::of(node).status(guest.vmid).is_some() {
            continue;
        }
        let vmid = guest.vmid;
        say(&format!("Starting VM {vmid}"));
        let start = Start {
            vmid,
            ..Start::default()
        };
        // Children of a bulk task log on their own.
        if let Err(error) = task::run(
            node,
            "qmstart",
            Some(vmid),
            Job::Start(start),
            Show::Nothing,
        ) {
            say(&format!("Starting VM {vmid} failed: {error}"));
        } else if guest.up_seconds > 0 {
            say(&format!(
                "Waiting for {} seconds (startup delay)",
                guest.up_seconds
            ));
            std::thread::sleep(Duration::from_secs(guest.up_seconds));
        }
    }
}

/// Node shutdown: all running guests, in reverse order.
fn stop_all(node: &Node, timeout_seconds: u64) {
    for guest in startup_order(node).into_iter().rev() {
        if Machines::of(node).status(guest.vmid).is_none() {
            continue;
        }
        let vmid = guest.vmid;
        say(&format!(
            "Stopping VM {vmid} (timeout = {timeout_seconds} seconds)"
        ));
        let shutdown = Shutdown {
            vmid,
            skip_lock: false,
            timeout_seconds,
            force_stop: true,
        };
        let job = Job::Shutdown(shutdown);
        if let Err(error) = task::run(node, "qmshutdown", Some(vmid), job, Show::Nothing) {
            say(&format!("Stopping VM {vmid} failed: {error}"));
        }
    }
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
