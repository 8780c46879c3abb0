//! What has to be done so that a guest is gone, without a trace of it in its Swarm.
//!
//! Pure. What an interrupted removal left is planned anew: a guest that is gone already still has its node entry removed.

#[cfg(test)]
mod tests;

use std::fmt;

use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{SwarmNode, SwarmRole, SwarmView};
use serde::Serialize;

use super::mark;
use super::observed::{Machine, MachineState, Power};
use crate::plan::Blocked;
use crate::plan::desired::VMID_LABEL;
use crate::pve::vmlist::Kind;

/// What the operator said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovalWish {
    pub vmid: Vmid,
    /// Also a guest that Phoenix did not make.
    pub foreign: bool,
    /// Though its Swarm does not answer.
    pub forget_swarm: bool,
}

/// The guest's Swarm, seen from a manager other than the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalSwarm {
    pub name: String,
    /// The manager that answers, and the cluster as it sees it; `Known(None)`: there is no cluster, or the guest is all
    /// of it.
    pub view: Observed<Option<(Vmid, SwarmView)>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum RemovalAction {
    /// A manager becomes a worker before it leaves.
    Demote {
        via: Vmid,
        swarm: String,
        node_id: String,
        hostname: String,
    },
    /// The guest leaves by itself.
    LeaveSwarm { vmid: Vmid, swarm: String },
    ShutDown {
        vmid: Vmid,
        node: String,
        container: bool,
    },
    RemoveSwarmNode {
        via: Vmid,
        swarm: String,
        node_id: String,
        hostname: String,
    },
    /// With its disks, and what of Proxmox refers to it.
    Destroy {
        vmid: Vmid,
        node: String,
        container: bool,
        past_lock: bool,
    },
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub struct RemovalPlan {
    pub actions: Vec<RemovalAction>,
    pub waiting: Vec<String>,
    pub blocked: Vec<Blocked>,
    pub notices: Vec<String>,
}

impl RemovalPlan {
    fn block(&mut self, what: &str, reason: impl Into<String>, refused: bool) {
        self.blocked.push(Blocked {
            what: what.to_owned(),
            reason: reason.into(),
            refused,
        });
    }
}

/// Decides what removes the guest. With anything blocked there are no actions: a guest is not half removed.
pub fn plan(
    wish: RemovalWish,
    observed: &Observed<MachineState>,
    swarm: Option<&RemovalSwarm>,
) -> RemovalPlan {
    let mut plan = RemovalPlan::default();
    let machine = match observed {
        Observed::Unknown(reason) => {
            plan.waiting.push(reason.clone());
            return plan;
        }
        Observed::Known(MachineState::OtherNode(node)) => {
            let reason = format!("it is on node {node}: run Phoenix there");
            plan.block("guest", reason, false);
            return plan;
        }
        Observed::Known(MachineState::Absent(_)) => None,
        Observed::Known(MachineState::Present(machine)) => Some(machine.as_ref()),
    };
    let past_lock = machine.is_some_and(|machine| allowed(wish, machine, &mut plan));
    let runs = machine.is_some_and(|machine| machine.power != Power::Stopped);
    let leaving = swarm.map(|swarm| leave(wish, swarm, runs, &mut plan));
    let (before, after) = leaving.unwrap_or_default();
    plan.actions.extend(before);
    if let Some(machine) = machine {
        let (vmid, node) = (wish.vmid, machine.node.clone());
        let container = machine.kind == Kind::Lxc;
        if runs {
            plan.actions.push(RemovalAction::ShutDown {
                vmid,
                node: node.clone(),
                container,
            });
        }
        plan.actions.extend(after);
        plan.actions.push(RemovalAction::Destroy {
            vmid,
            node,
            container,
            past_lock,
        });
    } else {
        plan.actions.extend(after);
    }
    if !plan.blocked.is_empty() || !plan.waiting.is_empty() {
        plan.actions.clear();
    }
    plan
}

/// Whether the guest may go; true when it is under the lock of an interrupted clone that has to be passed.
fn allowed(wish: RemovalWish, machine: &Machine, plan: &mut RemovalPlan) -> bool {
    let (vmid, conf) = (wish.vmid, &machine.conf);
    let is_half = mark::is_empty_clone(conf);
    if !wish.foreign && !mark::is_ours(conf, vmid) && !is_half {
        plan.block(
            "guest",
            "Phoenix did not make it (its notes lack the line): --foreign says to delete it all the same",
            true,
        );
    }
    if conf.get("protection") == Some("1") {
        let tool = match machine.kind {
            Kind::Qemu => "qm",
            Kind::Lxc => "pct",
        };
        let cure = format!("it is protected: {tool} set {vmid} --protection 0");
        plan.block("guest", cure, true);
    }
    let Some(lock) = conf.lock() else {
        return false;
    };
    let left_behind = matches!(lock, "clone" | "create")
        && machine.creation_goes_on == Observed::Known(false)
        && (is_half || mark::is_ours(conf, vmid));
    if !left_behind {
        plan.waiting
            .push(format!("Proxmox holds its lock ({lock})"));
    } else if !machine.may_pass_lock {
        let cure = format!("its clone was interrupted ({lock}): qm unlock {vmid} on its node");
        plan.block("guest", cure, false);
    }
    left_behind
}

/// What is done in the Swarm before the guest stops, and after.
fn leave(
    wish: RemovalWish,
    swarm: &RemovalSwarm,
    runs: bool,
    plan: &mut RemovalPlan,
) -> (Vec<RemovalAction>, Vec<RemovalAction>) {
    let what = format!("swarm {}", swarm.name);
    let (via, view) = match &swarm.view {
        Observed::Known(Some(seen)) => seen,
        Observed::Known(None) => return Default::default(),
        Observed::Unknown(reason) if wish.forget_swarm => {
            plan.notices.push(format!(
                "{what} does not answer, so the guest's entry stays in it: {reason}"
            ));
            return Default::default();
        }
        Observed::Unknown(reason) => {
            let cure =
                format!("{reason}: its entry would stay; start a manager, or say --forget-swarm");
            plan.block(&what, cure, true);
            return Default::default();
        }
    };
    let vmid = wish.vmid.to_string();
    let is_own = |node: &&SwarmNode| node.labels.get(VMID_LABEL) == Some(&vmid);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut lives = false;
    for node in view.nodes.iter().filter(is_own) {
        if node.role == SwarmRole::Manager {
            if !keeps_quorum(view, node) {
                let reason = "without this manager it would lose its quorum: add a manager first";
                plan.block(&what, reason, true);
            }
            before.push(RemovalAction::Demote {
                via: *via,
                swarm: swarm.name.clone(),
                node_id: node.id.clone(),
                hostname: node.hostname.clone(),
            });
        }
        lives |= node.state != "down";
        after.push(RemovalAction::RemoveSwarmNode {
            via: *via,
            swarm: swarm.name.clone(),
            node_id: node.id.clone(),
            hostname: node.hostname.clone(),
        });
    }
    if lives && runs {
        before.push(RemovalAction::LeaveSwarm {
            vmid: wish.vmid,
            swarm: swarm.name.clone(),
        });
    }
    (before, after)
}

/// Whether more than half of the managers that remain answer.
fn keeps_quorum(view: &SwarmView, gone: &SwarmNode) -> bool {
    let others = view
        .nodes
        .iter()
        .filter(|node| node.role == SwarmRole::Manager && node.id != gone.id);
    let reachable = others
        .clone()
        .filter(|node| node.reachability == "reachable")
        .count();
    reachable * 2 > others.count()
}

impl fmt::Display for RemovalAction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Demote {
                swarm, hostname, ..
            } => write!(
                formatter,
                "make {} a worker of Swarm {swarm}",
                Untrusted(hostname)
            ),
            Self::LeaveSwarm { vmid, swarm } => write!(formatter, "{vmid} leaves Swarm {swarm}"),
            Self::ShutDown { vmid, .. } => write!(formatter, "shut down {vmid}"),
            Self::RemoveSwarmNode {
                swarm,
                hostname,
                node_id,
                ..
            } => write!(
                formatter,
                "remove the entry of {} ({}) from Swarm {swarm}",
                Untrusted(hostname),
                Untrusted(node_id)
            ),
            Self::Destroy { vmid, .. } => write!(formatter, "destroy {vmid} with its disks"),
        }
    }
}

impl fmt::Display for RemovalPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            writeln!(formatter, "  - {action}")?;
        }
        for blocked in &self.blocked {
            let (what, reason) = (&blocked.what, Untrusted(&blocked.reason));
            writeln!(formatter, "  ! {what}: {reason}")?;
        }
        for waiting in &self.waiting {
            writeln!(formatter, "  … waits: {}", Untrusted(waiting))?;
        }
        for notice in &self.notices {
            writeln!(formatter, "  note: {}", Untrusted(notice))?;
        }
        Ok(())
    }
}
