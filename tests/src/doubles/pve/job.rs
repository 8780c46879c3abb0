//! What a task does.

use std::collections::BTreeMap;
use std::fs;

use serde::{Deserialize, Serialize};

use super::clone::Clone as CloneGuest;
use super::container::ContainerJob;
use super::create::{Create, template};
use super::destroy::Destroy;
use super::error::PveError;
use super::hook_call::Phase;
use super::lock::Teller;
use super::node::Node;
use super::power::{Shutdown, Start, Stop, event};
use super::qm_check::Caller;
use super::qm_set::Changes;
use super::{bulk, resize};

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
    Clone(CloneGuest),
    Create(Create),
    Destroy(Destroy),
    Template {
        vmid: u32,
    },
    Resize {
        vmid: u32,
        disk: String,
        size: String,
    },
    /// `pvesh create …/config`: `qm set` as a task.
    Config {
        vmid: u32,
        options: BTreeMap<String, String>,
    },
    Container(ContainerJob),
    /// Only the hook call that such a task makes.
    Event {
        vmid: u32,
        phase: Phase,
        migrated_from: String,
    },
}

impl Job {
    /// The type in the task's UPID.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Start(_) => "qmstart",
            Self::Stop(_) => "qmstop",
            Self::Shutdown(_) => "qmshutdown",
            Self::Reboot(_) => "qmreboot",
            Self::StartAll { .. } => "startall",
            Self::StopAll { .. } => "stopall",
            Self::Clone(_) => "qmclone",
            Self::Create(_) => "qmcreate",
            Self::Destroy(_) => "qmdestroy",
            Self::Template { .. } => "qmtemplate",
            Self::Resize { .. } => "resize",
            Self::Config { .. } => "qmconfig",
            Self::Container(job) => job.kind(),
            Self::Event { phase, .. } => match phase {
                Phase::PreStart | Phase::PostStart => "qmstart",
                Phase::PreStop | Phase::PostStop => "qmstop",
            },
        }
    }

    /// The guest in the task's UPID; a clone is a task of its source.
    pub(super) fn guest(&self) -> Option<u32> {
        match self {
            Self::StartAll { .. } | Self::StopAll { .. } => None,
            Self::Start(start) => Some(start.vmid),
            Self::Stop(stop) => Some(stop.vmid),
            Self::Shutdown(shutdown) | Self::Reboot(shutdown) => Some(shutdown.vmid),
            Self::Container(job) => Some(job.vmid()),
            Self::Clone(clone) => Some(clone.vmid),
            Self::Create(create) => Some(create.vmid),
            Self::Destroy(destroy) => Some(destroy.vmid),
            Self::Template { vmid }
            | Self::Resize { vmid, .. }
            | Self::Config { vmid, .. }
            | Self::Event { vmid, .. } => Some(*vmid),
        }
    }

    pub(super) fn run(&self, node: &Node) -> Result<(), PveError> {
        match self {
            Self::Start(start) => start.run(node),
            Self::Stop(stop) => stop.run(node),
            Self::Shutdown(shutdown) => shutdown.run(node),
            Self::Reboot(shutdown) => reboot(node, shutdown),
            Self::StartAll { force } => {
                bulk::start_all(node, *force);
                Ok(())
            }
            Self::StopAll { timeout_seconds } => {
                bulk::stop_all(node, *timeout_seconds);
                Ok(())
            }
            Self::Container(job) => job.run(node),
            Self::Clone(clone) => clone.run(node),
            Self::Create(create) => create.run(node),
            Self::Destroy(destroy) => destroy.run(node),
            Self::Template { vmid } => template(node, *vmid),
            Self::Resize { vmid, disk, size } => resize::grow(node, *vmid, disk, size),
            Self::Config { vmid, options } => {
                Changes::checked(node, options, Caller::Pvesh)?.apply(node, *vmid, Teller::Task)
            }
            Self::Event {
                vmid,
                phase,
                migrated_from,
            } => event(node, *vmid, *phase, migrated_from),
        }
    }
}

fn reboot(node: &Node, shutdown: &Shutdown) -> Result<(), PveError> {
    let mark = node.run_file(shutdown.vmid, "reboot");
    fs::write(&mark, "")?;
    let result = shutdown.run(node);
    if result.is_err() {
        let _ = fs::remove_file(mark);
    }
    result
}
