//! What Proxmox has to do so that a guest exists, has its declared size and address, and runs.
//!
//! Pure, like all planning. A guest that is not there yet is planned to its end: the fields are compared with those of
//! the template it is cloned from.

pub mod action;
mod core;
pub mod desired;
mod disk;
mod display;
pub mod mark;
mod network;
pub mod observed;
pub mod removal;
#[cfg(test)]
mod tests;

use phoenix_common::observed::Observed;
use serde::Serialize;

use self::action::{FieldChange, MachineAction, Step};
use self::desired::MachineDesired;
use self::observed::{Machine, MachineState, Power, Template};
use super::Blocked;
use crate::pve::conf::GuestConf;
use crate::pve::vmlist::Kind;

/// Locks that a clone or restore leaves behind when it is killed.
const CREATING_LOCKS: [&str; 2] = ["clone", "create"];

/// What Proxmox has to do for one guest, in order.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct MachinePlan {
    pub actions: Vec<MachineAction>,
    /// What passes by itself; nothing more can be decided before.
    pub waiting: Vec<String>,
    /// What stays undone until the operator acts.
    pub blocked: Vec<Blocked>,
    /// Differences that Phoenix leaves alone, each with its cure. The rest goes on, and they are no failure.
    pub findings: Vec<String>,
}

impl MachinePlan {
    /// Nothing to do, to wait for, or to refuse.
    pub fn is_converged(&self) -> bool {
        self.actions.is_empty() && self.waiting.is_empty() && self.blocked.is_empty()
    }

    /// Whether it makes a guest that is not there.
    pub fn makes_the_guest(&self) -> bool {
        let is_clone = |action: &MachineAction| matches!(action, MachineAction::Clone { .. });
        self.actions.iter().any(is_clone)
    }

    fn block(&mut self, reason: impl Into<String>, refused: bool) {
        self.blocked.push(Blocked {
            what: "guest".to_owned(),
            reason: reason.into(),
            refused,
        });
    }
}

/// Decides what brings the machine from `observed` to `desired`.
pub fn plan(desired: &MachineDesired, observed: &Observed<MachineState>) -> MachinePlan {
    let mut plan = MachinePlan::default();
    match observed {
        Observed::Unknown(reason) => plan.waiting.push(reason.clone()),
        Observed::Known(MachineState::OtherNode(node)) => {
            plan.block(format!("it is on node {node}: run Phoenix there"), false);
        }
        Observed::Known(MachineState::Absent(template)) => absent(desired, template, &mut plan),
        Observed::Known(MachineState::Present(machine)) => present(desired, machine, &mut plan),
    }
    plan
}

fn absent(desired: &MachineDesired, template: &Template, plan: &mut MachinePlan) {
    let (template, node, conf) = match template {
        Template::NotDeclared => {
            return plan.block(
                "Proxmox has no such guest, and its entry names no template (clone_from_vmid)",
                false,
            );
        }
        Template::Missing(vmid) => {
            return plan.block(
                format!("its template {vmid} (clone_from_vmid) does not exist"),
                false,
            );
        }
        Template::OtherNode { vmid, node } => {
            return plan.block(
                format!("its template {vmid} is on node {node}: run Phoenix there"),
                false,
            );
        }
        Template::Container(vmid) => {
            return plan.block(format!("its template {vmid} is a container, no VM"), false);
        }
        Template::Here { vmid, node, conf } => (*vmid, node, conf),
    };
    if let Some(lock) = conf.lock() {
        plan.waiting
            .push(format!("Proxmox holds the template's lock ({lock})"));
        return;
    }
    if conf.get("template") != Some("1") {
        plan.findings.push(format!(
            "{template} is a plain VM, no template: it is copied as it is (to make it one: qm template {template})"
        ));
    }
    let clone = MachineAction::Clone {
        vmid: desired.vmid,
        template,
        node: node.clone(),
        name: desired.name.clone(),
        description: mark::description(desired.vmid, template),
    };
    plan.actions.push(clone);
    let cloned = conf
        .clone()
        .without(&["template"])
        .with([("name", desired.name.as_str())]);
    converge(desired, node, &cloned, &Power::Stopped, plan);
}

fn present(desired: &MachineDesired, machine: &Machine, plan: &mut MachinePlan) {
    if machine.kind == Kind::Lxc {
        return plan.block(
            "it is a container, but declared as a VM: move its entry to `containers`",
            false,
        );
    }
    if machine.conf.get("template") == Some("1") {
        return plan.block("it is a template", true);
    }
    if let Some(lock) = machine.conf.lock() {
        return locked(desired, machine, lock, plan);
    }
    converge(desired, &machine.node, &machine.conf, &machine.power, plan);
}

/// Proxmox is at work on it, or was when it was interrupted.
fn locked(desired: &MachineDesired, machine: &Machine, lock: &str, plan: &mut MachinePlan) {
    let (vmid, reason) = (desired.vmid, format!("Proxmox holds its lock ({lock})"));
    if !CREATING_LOCKS.contains(&lock) || machine.creation_goes_on != Observed::Known(false) {
        plan.waiting.push(reason);
    } else if !mark::is_ours(&machine.conf, vmid) && !mark::is_empty_clone(&machine.conf) {
        plan.block(
            format!(
                "{reason}, no task works on it any more, and Phoenix did not begin it: when it is of no use, qm unlock {vmid} and qm destroy {vmid}"
            ),
            true,
        );
    } else if machine.may_pass_lock {
        plan.actions.push(MachineAction::RemoveHalfMade {
            vmid,
            node: machine.node.clone(),
            lock: lock.to_owned(),
        });
    } else {
        plan.block(
            format!(
                "{reason}: its clone was interrupted, and an API token may not remove it: qm unlock {vmid} on node {}, then run this again",
                machine.node
            ),
            false,
        );
    }
}

fn converge(
    desired: &MachineDesired,
    node: &str,
    conf: &GuestConf,
    power: &Power,
    plan: &mut MachinePlan,
) {
    let set = |step: Step, fields: Vec<FieldChange>, plan: &mut MachinePlan| {
        if !fields.is_empty() {
            plan.actions.push(MachineAction::SetConfig {
                vmid: desired.vmid,
                node: node.to_owned(),
                step,
                fields,
            });
        }
    };
    set(
        Step::ApplyCoreConfigurations,
        core::changes(desired, conf),
        plan,
    );
    disk::plan(desired, node, conf, plan);
    set(
        Step::ApplyNetworkConfigurations,
        network::changes(desired, conf),
        plan,
    );
    network::findings(desired, conf, plan);
    match power {
        Power::Stopped => plan.actions.push(MachineAction::Start {
            vmid: desired.vmid,
            node: node.to_owned(),
        }),
        Power::Running => restart_needed(desired, conf, plan),
        Power::Other(state) => plan
            .waiting
            .push(format!("QEMU is {state}: the guest does not run yet")),
    }
}

/// What is set and counts only when the guest was stopped and started: a reboot from inside is not enough.
fn restart_needed(desired: &MachineDesired, conf: &GuestConf, plan: &mut MachinePlan) {
    let keys = conf.pending_keys();
    let shown: Vec<String> = keys
        .iter()
        .map(|key| {
            let value = |value: Option<&str>| value.unwrap_or("not set").to_owned();
            let (now, then) = (value(conf.get(key)), value(conf.wanted(key)));
            format!("{key} {now} -> {then}")
        })
        .collect();
    let vmid = desired.vmid;
    if !shown.is_empty() {
        plan.findings.push(format!(
            "needs a restart: {} (counts after qm shutdown {vmid} and qm start {vmid})",
            shown.join(", ")
        ));
    }
    let stale = network::not_on_drive(conf);
    if !stale.is_empty() {
        plan.findings.push(format!(
            "needs a restart: cloud-init still has the former {} (counts after qm shutdown {vmid} and qm start {vmid})",
            stale.join(", ")
        ));
    }
}
