//! The guest's own node in the cluster: its labels, its role, and what earlier lives left behind.

use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{SwarmNode, SwarmNodeUpdate, SwarmRole, SwarmView};

use super::Step;
use crate::plan::Plan;
use crate::plan::action::Action;
use crate::plan::desired::{MANAGED_LABEL, VMID_LABEL};

impl Step<'_> {
    /// Entries of earlier lives of this guest: they carry its vmid, are down and are not its node now.
    pub(super) fn remove_own_dead_entries(
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
}
