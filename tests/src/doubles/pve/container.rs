//! Starting and stopping containers, as recorded: the same hooks as virtual machines, without `PVE_MIGRATED_FROM`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::PveError;
use super::hook_call::{HookCall, Phase};
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use crate::lab::control::QemuStatus;

/// What a task does with a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ContainerJob {
    Start { vmid: u32 },
    Stop { vmid: u32 },
    Shutdown { vmid: u32, timeout_seconds: u64 },
}

impl ContainerJob {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Start { .. } => "vzstart",
            Self::Stop { .. } => "vzstop",
            Self::Shutdown { .. } => "vzshutdown",
        }
    }

    pub(super) fn vmid(&self) -> u32 {
        match self {
            Self::Start { vmid } | Self::Stop { vmid } | Self::Shutdown { vmid, .. } => *vmid,
        }
    }

    pub(super) fn run(&self, node: &Node) -> Result<(), PveError> {
        let vmid = self.vmid();
        let machines = Machines::of(node);
        self.check_power(&machines)?;
        let _held = lock(node, Kind::Lxc, vmid, WAIT, Teller::Task)?;
        let config = node.config(Kind::Lxc, vmid)?;
        check_lock(&config)?;
        let hook = |phase| {
            let call = HookCall {
                node,
                vmid,
                phase,
                migrated_from: None,
            };
            call.run(&config)
        };
        match self {
            Self::Start { .. } => {
                hook(Phase::PreStart)?;
                machines.start(vmid, QemuStatus::Running)?;
                hook(Phase::PostStart)
            }
            Self::Stop { .. } => {
                hook(Phase::PreStop)?;
                machines.kill(vmid)?;
                hook(Phase::PostStop)
            }
            Self::Shutdown {
                timeout_seconds, ..
            } => {
                hook(Phase::PreStop)?;
                machines.power_button(vmid)?;
                if !machines.await_off(vmid, Duration::from_secs(*timeout_seconds)) {
                    return Err(PveError::died(255, "container did not stop"));
                }
                hook(Phase::PostStop)
            }
        }
    }

    /// Before any lock (l-slow-hook, l-locked).
    fn check_power(&self, machines: &Machines) -> Result<(), PveError> {
        let vmid = self.vmid();
        let runs = machines.status(vmid).is_some();
        match self {
            Self::Start { .. } if runs => {
                Err(PveError::died(255, format!("CT {vmid} already running")))
            }
            Self::Stop { .. } | Self::Shutdown { .. } if !runs => {
                Err(PveError::died(255, format!("CT {vmid} not running")))
            }
            _ => Ok(()),
        }
    }
}

fn check_lock(config: &Config) -> Result<(), PveError> {
    match config.get("lock") {
        Some(lock) => Err(PveError::Locked {
            kind: "CT",
            lock: lock.to_owned(),
        }),
        None => Ok(()),
    }
}
