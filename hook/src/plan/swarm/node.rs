//! The guest's own node in the cluster: its labels, its role, and what earlier lives left behind.

use std::collections::BTreeMap;

use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{SwarmNode, SwarmNodeUpdate, SwarmRole, SwarmView};

use super::{Step, drain};
use crate::plan::Plan;
use crate::plan::action::Action;
use crate::plan::desired::{DRAINED_LABEL, MANAGED_LABEL, VMID_LABEL};

impl Step<'_> {
    /// Entries of earlier lives of this guest that are down and not its node now. A manager's is demoted first: the next
    /// look finds a worker.
    pub(super) fn remove_own_dead_entries(
        &self,
        via: Vmid,
        view: &SwarmView,
        own: Option<&str>,
        plan: &mut Plan,
    ) {
        for node in &view.nodes {
            let is_now = own == Some(node.id.as_str());
            if is_now || node.state != "down" || !self.was_ours(node) {
                continue;
            }
            if node.role == SwarmRole::Worker {
                plan.actions.push(Action::SwarmRemoveNode {
                    via,
                    swarm: self.wanted.name.clone(),
                    node_id: node.id.clone(),
                    hostname: node.hostname.clone(),
                });
            } else if node.reachability != "reachable" && keeps_quorum(view, node) {
                plan.actions.push(Action::SwarmUpdateNode {
                    via,
                    swarm: self.wanted.name.clone(),
                    update: SwarmNodeUpdate {
                        node_id: node.id.clone(),
                        set_labels: BTreeMap::new(),
                        remove_labels: Vec::new(),
                        role: Some(SwarmRole::Worker),
                        availability: None,
                    },
                });
            }
        }
    }

    /// By its label; an entry that never got one by name and address together.
    fn was_ours(&self, node: &SwarmNode) -> bool {
        if let Some(label) = node.labels.get(VMID_LABEL) {
            return *label == self.vmid.to_string();
        }
        let address = self.wanted.address.map(|address| address.to_string());
        node.hostname == self.facts.hostname && Some(&node.address) == address.as_ref()
    }

    pub(super) fn update_node(
        &self,
        via: Vmid,
        view: &SwarmView,
        node: &SwarmNode,
        plan: &mut Plan,
    ) {
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
            .chain([MANAGED_LABEL, DRAINED_LABEL])
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
                    availability: drain::undone(node),
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
        if self.wanted.role == SwarmRole::Worker && !keeps_quorum(view, node) {
            self.block(
                plan,
                "demoting this manager would cost the Swarm its quorum",
                true,
            );
            return None;
        }
        Some(self.wanted.role)
    }
}

/// Whether the managers that answer are enough once the node is no manager any more.
fn keeps_quorum(view: &SwarmView, demoted: &SwarmNode) -> bool {
    let others = view
        .nodes
        .iter()
        .filter(|other| other.role == SwarmRole::Manager && other.id != demoted.id);
    let reachable = others
        .clone()
        .filter(|other| other.reachability == "reachable")
        .count();
    let after = others.count();
    after > 0 && reachable * 2 > after
}
