//! Membership of a guest in its Swarm: in the right cluster, in its role, with its labels.
//!
//! The engine of a removed worker goes on saying `active`, so the verdict is the manager's node list
//! (measured on Docker 20.10 and 26.1).

pub mod drain;
mod identity;
mod node;
mod start;

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Docker, Facts, Membership, SwarmRemains, SwarmView};

use super::action::Action;
use super::desired::{Desired, SwarmDesired};
use super::observed::ObservedGuest;
use super::observed::ObservedSwarm;
use super::{Blocked, Plan, Waiting};

/// Adds what the guest's membership needs; true when nothing is left to do there.
pub fn plan(desired: &Desired, observed: &ObservedGuest, facts: &Facts, plan: &mut Plan) -> bool {
    let (Some(wanted), Some(seen)) = (&desired.swarm, &observed.swarm) else {
        if desired.stacks.is_empty() {
            return false;
        }
        block(
            plan,
            "stacks",
            "stacks on a guest without swarm_role are deployed through Portainer, which this version does not do yet",
            false,
        );
        return false;
    };
    let Observed::Known(Docker::Running {
        swarm: own,
        remains,
        ..
    }) = &facts.docker
    else {
        return false;
    };
    let step = Step {
        vmid: desired.vmid,
        wanted,
        seen,
        own,
        remains,
        facts,
    };
    step.plan(plan)
}

/// What a pending membership may mean.
const PENDING: &str = "its engine is joining a Swarm or has no quorum; if that never ends: docker swarm leave --force in the guest";

struct Step<'plan> {
    vmid: Vmid,
    wanted: &'plan SwarmDesired,
    seen: &'plan ObservedSwarm,
    own: &'plan Membership,
    remains: &'plan SwarmRemains,
    facts: &'plan Facts,
}

impl Step<'_> {
    fn plan(&self, plan: &mut Plan) -> bool {
        let clusters = self.seen.clusters();
        let Some((first, cluster)) = clusters.first().copied() else {
            self.without_cluster(plan);
            return false;
        };
        if let Some((other, its)) = clusters.iter().find(|(_, id)| *id != cluster) {
            self.block(
                plan,
                &format!("managers {first} and {other} are in two clusters ({cluster} and {its}): decide which one is right and let the other guest leave its own"),
                true,
            );
            return false;
        }
        match &self.seen.view {
            Observed::Known((via, view)) => self.in_cluster(*via, view, plan),
            Observed::Unknown(reason) => {
                wait(plan, None, reason);
                false
            }
        }
    }

    fn in_cluster(&self, via: Vmid, view: &SwarmView, plan: &mut Plan) -> bool {
        let node_id = match self.own {
            Membership::Worker { node_id, .. } => node_id,
            Membership::Manager {
                node_id,
                cluster_id,
                ..
            } => {
                if *cluster_id != view.cluster_id {
                    self.block_foreign(via, plan);
                    return false;
                }
                node_id
            }
            Membership::Inactive => {
                self.join(via, view, plan);
                return false;
            }
            Membership::Pending => {
                self.pending(via, view, plan);
                return false;
            }
            Membership::Locked => {
                self.block(
                    plan,
                    "its Swarm is locked: run docker swarm unlock in the guest",
                    true,
                );
                return false;
            }
            Membership::Error { message } => {
                self.broken(message, view, plan);
                return false;
            }
        };
        let Some(node) = view.nodes.iter().find(|node| node.id == *node_id) else {
            self.unknown_node(via, view, plan);
            return false;
        };
        if !self.is_its_own(node, plan) {
            return false;
        }
        self.notice_copies(node, plan);
        self.remove_own_dead_entries(via, view, Some(&node.id), plan);
        self.update_node(via, view, node, plan);
        if node.state != "ready" && plan.actions.is_empty() {
            let reason = format!("its node is {} in Swarm {}", node.state, self.wanted.name);
            wait(plan, None, &reason);
        }
        plan.actions.is_empty() && plan.waiting.is_empty()
    }

    fn join(&self, via: Vmid, view: &SwarmView, plan: &mut Plan) {
        let Some(address) = self.wanted.address else {
            return self.block(
                plan,
                "the guest has no network_config.ip to advertise",
                false,
            );
        };
        let managers: Vec<String> = view
            .nodes
            .iter()
            .filter(|node| node.reachability == "reachable" && !node.manager_address.is_empty())
            .map(|node| node.manager_address.clone())
            .collect();
        if managers.is_empty() {
            return wait(plan, None, "no manager of the Swarm is reachable");
        }
        self.remove_own_dead_entries(via, view, None, plan);
        plan.actions.push(Action::SwarmJoin {
            vmid: self.vmid,
            swarm: self.wanted.name.clone(),
            via,
            role: self.wanted.role,
            managers,
            advertise_address: address.to_string(),
        });
    }

    fn block_foreign(&self, via: Vmid, plan: &mut Plan) {
        let reason = format!(
            "the guest is a member of another Swarm than the one guest {via} manages: run docker swarm leave in it if that Swarm is to be given up"
        );
        self.block(plan, &reason, true);
    }

    fn leave(&self, plan: &mut Plan, reason: &str) {
        plan.actions.push(Action::SwarmLeave {
            vmid: self.vmid,
            swarm: self.wanted.name.clone(),
            reason: reason.to_owned(),
        });
    }

    fn block(&self, plan: &mut Plan, reason: &str, refused: bool) {
        block(
            plan,
            &format!("swarm {}", self.wanted.name),
            reason,
            refused,
        );
    }
}

fn wait(plan: &mut Plan, on: Option<Vmid>, reason: &str) {
    plan.waiting.push(Waiting {
        on,
        reason: reason.to_owned(),
        patience_seconds: None,
    });
}

fn block(plan: &mut Plan, what: &str, reason: &str, refused: bool) {
    plan.blocked.push(Blocked {
        what: what.to_owned(),
        reason: reason.to_owned(),
        refused,
    });
}
