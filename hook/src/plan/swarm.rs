//! Membership of a guest in its Swarm: in the right cluster, in its role, with its labels.
//!
//! The engine of a removed worker goes on saying `active`, so the verdict is the manager's node list
//! (measured on Docker 20.10 and 26.1).

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{
    Docker, Facts, Membership, SwarmInit, SwarmNode, SwarmNodeUpdate, SwarmRole, SwarmView,
};

use super::action::Action;
use super::desired::{Desired, MANAGED_LABEL, SwarmDesired, VMID_LABEL};
use super::observed::{ManagerState, ObservedSwarm};
use super::{Blocked, Plan, Waiting, pool};
use crate::plan::observed::ObservedGuest;

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
    let Observed::Known(Docker::Running { swarm: own, .. }) = &facts.docker else {
        return false;
    };
    let step = Step {
        vmid: desired.vmid,
        wanted,
        seen,
        own,
        facts,
    };
    step.plan(plan)
}

struct Step<'plan> {
    vmid: Vmid,
    wanted: &'plan SwarmDesired,
    seen: &'plan ObservedSwarm,
    own: &'plan Membership,
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

    /// No manager guest is in a cluster: one of them starts it, when all of them have been seen.
    fn without_cluster(&self, plan: &mut Plan) {
        let present: Vec<Vmid> = self.present_managers();
        let Some(candidate) = present.first().copied() else {
            let reason = format!("no manager guest of Swarm {} exists", self.wanted.name);
            return wait(plan, self.wanted.managers.first().copied(), &reason);
        };
        if candidate != self.vmid {
            let reason = format!(
                "guest {candidate} has not started Swarm {} yet",
                self.wanted.name
            );
            return wait(plan, Some(candidate), &reason);
        }
        if let Some((vmid, reason)) = self.unseen_manager() {
            let reason = format!(
                "manager guest {vmid} may be in a Swarm already ({reason}); to start a new one all the same: phoenix swarm init {}",
                self.vmid
            );
            return wait(plan, Some(vmid), &reason);
        }
        match self.own {
            Membership::Inactive => self.init(plan),
            Membership::Pending => self.leave(plan, "a join that never ended"),
            Membership::Worker { .. } => self.block(
                plan,
                "the guest is a worker of a cluster that no declared manager is in: run docker swarm leave in it, or declare its manager",
                true,
            ),
            Membership::Locked => self.block(plan, "its Swarm is locked: run docker swarm unlock in the guest", true),
            Membership::Error { message } => self.block(plan, message, false),
            Membership::Manager { .. } => {}
        }
    }

    fn present_managers(&self) -> Vec<Vmid> {
        let absent =
            |vmid: &Vmid| matches!(self.seen.managers.get(vmid), Some(Observed::Known(None)));
        let managers = self.wanted.managers.iter().copied();
        managers.filter(|vmid| !absent(vmid)).collect()
    }

    fn unseen_manager(&self) -> Option<(Vmid, &str)> {
        self.seen
            .managers
            .iter()
            .find_map(|(vmid, state)| match state {
                Observed::Unknown(reason) => Some((*vmid, reason.as_str())),
                Observed::Known(Some(ManagerState { membership })) if *vmid != self.vmid => {
                    match membership {
                        Membership::Inactive | Membership::Manager { .. } => None,
                        _ => Some((*vmid, "its engine is not out of every Swarm")),
                    }
                }
                Observed::Known(_) => None,
            })
    }

    fn init(&self, plan: &mut Plan) {
        let Some(address) = self.wanted.address else {
            return self.block(
                plan,
                "the manager has no network_config.ip to advertise",
                false,
            );
        };
        let mut taken = self.wanted.guest_networks.clone();
        taken.extend(
            self.facts
                .addresses
                .iter()
                .filter_map(|text| text.parse::<ipnet::IpNet>().ok()),
        );
        let pools: Vec<String> = if self.wanted.address_pool.is_empty() {
            pool::choose(&taken)
                .iter()
                .map(ToString::to_string)
                .collect()
        } else {
            self.wanted
                .address_pool
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        if pools.is_empty() {
            return self.block(
                plan,
                "every usual overlay range overlaps a guest network: set swarm.default_address_pool in phoenix_hypervisor_config.json",
                false,
            );
        }
        plan.actions.push(Action::SwarmInit {
            vmid: self.vmid,
            swarm: self.wanted.name.clone(),
            init: SwarmInit {
                advertise_address: address.to_string(),
                default_address_pool: pools,
            },
        });
    }

    fn in_cluster(&self, via: Vmid, view: &SwarmView, plan: &mut Plan) -> bool {
        let node_id = match self.own {
            Membership::Worker { node_id, .. } | Membership::Manager { node_id, .. } => node_id,
            Membership::Inactive => {
                self.join(via, view, plan);
                return false;
            }
            Membership::Pending => {
                self.leave(plan, "a join that never ended");
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
                self.block(plan, message, false);
                return false;
            }
        };
        let Some(node) = view.nodes.iter().find(|node| node.id == *node_id) else {
            self.leave(plan, "the cluster does not know its node any more");
            return false;
        };
        self.remove_phantoms(via, view, node, plan);
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

    fn remove_phantoms(&self, via: Vmid, view: &SwarmView, own: &SwarmNode, plan: &mut Plan) {
        self.remove_own_dead_entries(via, view, Some(&own.id), plan);
    }

    /// Entries of earlier lives of this guest: they carry its vmid, are down and are not its node now.
    fn remove_own_dead_entries(
        &self,
        via: Vmid,
        view: &SwarmView,
        own: Option<&str>,
        plan: &mut Plan,
    ) {
        let vmid = self.vmid.to_string();
        for node in &view.nodes {
            let ours = node.labels.get(VMID_LABEL) == Some(&vmid);
            let dead = node.state == "down" && node.role == SwarmRole::Worker;
            if ours && dead && own != Some(node.id.as_str()) {
                plan.actions.push(Action::SwarmRemoveNode {
                    via,
                    swarm: self.wanted.name.clone(),
                    node_id: node.id.clone(),
                    hostname: node.hostname.clone(),
                });
            }
        }
    }

    fn update_node(&self, via: Vmid, view: &SwarmView, node: &SwarmNode, plan: &mut Plan) {
        let mut labels = self.wanted.labels.clone();
        labels.insert(VMID_LABEL.to_owned(), self.vmid.to_string());
        if !self.wanted.labels.is_empty() {
            let names: Vec<&str> = self.wanted.labels.keys().map(String::as_str).collect();
            labels.insert(MANAGED_LABEL.to_owned(), names.join(","));
        }
        let dropped = |name: &&str| !labels.contains_key(*name) && node.labels.contains_key(*name);
        let managed = node.labels.get(MANAGED_LABEL).map_or("", String::as_str);
        let remove_labels: Vec<String> = managed
            .split(',')
            .chain([MANAGED_LABEL])
            .filter(dropped)
            .map(str::to_owned)
            .collect();
        labels.retain(|name, value| node.labels.get(name) != Some(value));
        let role = self.role_change(view, node, plan);
        if !labels.is_empty() || !remove_labels.is_empty() || role.is_some() {
            plan.actions.push(Action::SwarmUpdateNode {
                via,
                swarm: self.wanted.name.clone(),
                update: SwarmNodeUpdate {
                    node_id: node.id.clone(),
                    set_labels: labels,
                    remove_labels,
                    role,
                    availability: None,
                },
            });
        }
    }

    /// Promotion is safe; a demotion must leave a manager that answers.
    fn role_change(
        &self,
        view: &SwarmView,
        node: &SwarmNode,
        plan: &mut Plan,
    ) -> Option<SwarmRole> {
        if node.role == self.wanted.role {
            return None;
        }
        let managers = view
            .nodes
            .iter()
            .filter(|other| other.role == SwarmRole::Manager);
        let reachable = managers
            .clone()
            .filter(|other| other.reachability == "reachable")
            .count();
        let after = managers.count().saturating_sub(1);
        let keeps_quorum = after > 0 && reachable.saturating_sub(1) * 2 > after;
        if self.wanted.role == SwarmRole::Worker && !keeps_quorum {
            self.block(
                plan,
                "demoting this manager would cost the Swarm its quorum",
                true,
            );
            return None;
        }
        Some(self.wanted.role)
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
    });
}

fn block(plan: &mut Plan, what: &str, reason: &str, refused: bool) {
    plan.blocked.push(Blocked {
        what: what.to_owned(),
        reason: reason.to_owned(),
        refused,
    });
}
