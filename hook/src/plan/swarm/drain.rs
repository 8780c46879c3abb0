//! Whether a guest's node is drained before its guest is stopped, and how that is undone. Pure.
//!
//! Draining never touches a manager's role: the Swarm keeps its quorum until the guest is off.

use std::collections::BTreeMap;

use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Availability, SwarmNode, SwarmNodeUpdate, SwarmRole, SwarmView};

use crate::plan::desired::{DRAINED_LABEL, VMID_LABEL};

/// What a stop does about the guest's node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drain {
    Node {
        hostname: String,
        update: SwarmNodeUpdate,
        /// What the stop itself costs the Swarm.
        warning: Option<String>,
    },
    /// The node stays as it is; why.
    Skip(String),
}

/// Decides for a guest that is stopped now. `whole_node`: all guests of the Proxmox node are (`stopall`); then
/// draining is worth its time only if another guest of the Swarm `is_elsewhere`, on another Proxmox node.
pub fn drain(
    vmid: Vmid,
    view: &SwarmView,
    whole_node: bool,
    is_elsewhere: impl Fn(Vmid) -> bool,
) -> Drain {
    let skip = |reason: &str| Drain::Skip(reason.to_owned());
    let ready = view.nodes.iter().filter(|node| node.state == "ready");
    let (own, others): (Vec<&SwarmNode>, Vec<&SwarmNode>) =
        ready.partition(|node| vmid_of(node) == Some(vmid));
    let [node] = own[..] else {
        return skip(if own.is_empty() {
            "none of the Swarm's nodes that are ready is its own"
        } else {
            "several nodes of the Swarm carry its label"
        });
    };
    if node.availability == Availability::Drain {
        return skip("its node is drained already");
    }
    let takes_tasks = |node: &&SwarmNode| node.availability == Availability::Active;
    if !others.iter().any(takes_tasks) {
        return skip("no other node of the Swarm takes tasks");
    }
    let runs_on = |node: &&SwarmNode| vmid_of(node).is_some_and(&is_elsewhere);
    if whole_node && !others.iter().filter(|node| takes_tasks(node)).any(runs_on) {
        return skip("this Proxmox node stops, and no other one runs a node of the Swarm");
    }
    Drain::Node {
        hostname: node.hostname.clone(),
        update: SwarmNodeUpdate {
            node_id: node.id.clone(),
            set_labels: BTreeMap::from([(
                DRAINED_LABEL.to_owned(),
                word(node.availability).to_owned(),
            )]),
            remove_labels: Vec::new(),
            role: None,
            availability: Some(Availability::Drain),
        },
        warning: lost_quorum(view, node),
    }
}

/// The availability that a node gets back which Phoenix drained for a stop. `None`: it is not drained, or by somebody
/// else.
pub(super) fn undone(node: &SwarmNode) -> Option<Availability> {
    let before = node.labels.get(DRAINED_LABEL)?;
    let drained = node.availability == Availability::Drain;
    drained.then_some(if before == word(Availability::Pause) {
        Availability::Pause
    } else {
        Availability::Active
    })
}

fn word(availability: Availability) -> &'static str {
    match availability {
        Availability::Active => "active",
        Availability::Pause => "pause",
        Availability::Drain => "drain",
    }
}

fn vmid_of(node: &SwarmNode) -> Option<Vmid> {
    node.labels.get(VMID_LABEL)?.parse().ok()
}

fn lost_quorum(view: &SwarmView, node: &SwarmNode) -> Option<String> {
    if node.role != SwarmRole::Manager {
        return None;
    }
    let managers = view
        .nodes
        .iter()
        .filter(|node| node.role == SwarmRole::Manager);
    let all = managers.clone().count();
    let left = managers
        .filter(|other| other.id != node.id && other.reachability == "reachable")
        .count();
    let is_enough = left * 2 > all;
    (!is_enough).then(|| {
        format!(
            "with this stop {left} of {all} managers are left: services go on, but nothing can be changed and nothing that fails is replaced until a manager is back"
        )
    })
}
