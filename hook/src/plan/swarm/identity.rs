//! A membership that is not what it says: forgotten by the cluster, from an older state of the disk, of a cluster that
//! is gone, with a certificate that ran out, or of another guest whose disk was copied.
//!
//! Only a guest that surely holds no manager's state is made to leave; for all others the operator is told what to do.

use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Membership, SwarmNode, SwarmRole, SwarmView};

use super::{PENDING, Step, wait};
use crate::plan::Plan;
use crate::plan::desired::VMID_LABEL;
use crate::plan::observed::NodeOwner;

impl Step<'_> {
    /// The engine is joining, starting, or does not find its cluster any more.
    pub(super) fn pending(&self, via: Vmid, view: &SwarmView, plan: &mut Plan) {
        let is_listed = |id: &str| view.nodes.iter().any(|node| node.id == id);
        let node_id = self.remains.node_id.as_str();
        let manages = self.wanted.role == SwarmRole::Manager && !self.remains.only_worker;
        if node_id.is_empty() && !manages {
            // The join looks for itself whether the engine only needs a moment.
            self.join(via, view, plan);
        } else if node_id.is_empty() || is_listed(node_id) {
            wait(plan, None, PENDING);
        } else {
            self.forgotten(&self.remains.remote_managers, via, view, plan);
        }
    }

    /// The engine says that it is a member, the cluster does not know its node.
    pub(super) fn unknown_node(&self, via: Vmid, view: &SwarmView, plan: &mut Plan) {
        match self.own {
            Membership::Worker {
                remote_managers, ..
            } => self.forgotten(remote_managers, via, view, plan),
            Membership::Manager { .. } => self.block(
                plan,
                &format!("the cluster that guest {via} manages does not list this manager any more: run docker swarm leave --force in the guest, then it joins anew"),
                true,
            ),
            _ => self.block_foreign(via, plan),
        }
    }

    /// A member of this very cluster, or of one that a manager of ours had before it was rebuilt, starts anew; anything
    /// else is not ours to end.
    fn forgotten(&self, managers: &[String], via: Vmid, view: &SwarmView, plan: &mut Plan) {
        let ours = |address: &String| {
            let mut nodes = view.nodes.iter();
            nodes.any(|node| node.manager_address == *address)
        };
        if !managers.is_empty() && !managers.iter().any(ours) {
            self.block_foreign(via, plan);
        } else {
            self.leave_if_worker("the cluster does not know its node any more", plan);
        }
    }

    /// The engine cannot use its membership.
    pub(super) fn broken(&self, message: &str, view: &SwarmView, plan: &mut Plan) {
        if !is_certificate_error(message) {
            return wait(plan, None, message);
        }
        let vmid = self.vmid.to_string();
        let labelled = |node: &&SwarmNode| node.labels.get(VMID_LABEL) == Some(&vmid);
        let entry = view.nodes.iter().find(labelled);
        if entry.is_some_and(|node| node.role == SwarmRole::Worker) {
            return self.leave_if_worker("its certificate is no longer valid", plan);
        }
        self.block(
            plan,
            &format!(
                "its certificate is no longer valid ({}), and no worker of this Swarm carries its label: run docker swarm leave --force in the guest if it holds nothing that is needed",
                Untrusted(message)
            ),
            true,
        );
    }

    fn leave_if_worker(&self, reason: &str, plan: &mut Plan) {
        if self.remains.only_worker {
            return self.leave(plan, reason);
        }
        self.block(
            plan,
            &format!("{reason}, and a manager's state lies on its disk: run docker swarm leave --force in the guest if that may go"),
            true,
        );
    }

    /// Whether the node is not some other guest's; else what follows from that is planned.
    pub(super) fn is_its_own(&self, node: &SwarmNode, plan: &mut Plan) -> bool {
        let Some((owner, state)) = &self.seen.owner else {
            return true;
        };
        match state {
            // Its disk came here under another vmid.
            Observed::Known(NodeOwner::Absent | NodeOwner::HasAnotherNode) => true,
            Observed::Known(NodeOwner::IsTheNode) => {
                let reason = format!("its disk is a copy of guest {owner}'s, whose node it takes");
                self.leave_if_worker(&reason, plan);
                false
            }
            Observed::Unknown(why) => {
                let reason = format!(
                    "node {} belongs to that guest by its label ({why}); if this guest is to replace it: docker node update --label-add {VMID_LABEL}={} {}, if its disk is only a copy: docker swarm leave --force in it",
                    node.id, self.vmid, node.id
                );
                wait(plan, Some(*owner), &reason);
                false
            }
        }
    }

    /// What points at a copy of this guest's disk elsewhere; the copy itself is dealt with in its own run.
    pub(super) fn notice_copies(&self, node: &SwarmNode, plan: &mut Plan) {
        for vmid in self.seen.managers.keys().filter(|vmid| **vmid != self.vmid) {
            if self.seen.node_of(*vmid) == Some(node.id.as_str()) {
                plan.notices.push(format!(
                    "guest {vmid} says that it is this guest's node: its disk is a copy; run docker swarm leave --force in guest {vmid}"
                ));
            }
        }
        let mut own = self.facts.addresses.iter();
        let is_here = own.any(|address| address.split('/').next() == Some(node.address.as_str()));
        let tells = !self.facts.addresses.is_empty()
            && !matches!(node.address.as_str(), "" | "0.0.0.0" | "127.0.0.1");
        if tells && !is_here {
            plan.notices.push(format!(
                "the managers see its node at {}, which is no address of this guest: another machine may use a copy of its disk",
                Untrusted(&node.address)
            ));
        }
    }
}

/// Texts of swarmkit (`node/node.go`, `ca/certificates.go`) and Go (`crypto/x509`). Also one that cannot be read at all:
/// the engine does not get further by itself.
fn is_certificate_error(message: &str) -> bool {
    message.contains("error while loading TLS certificate")
        || message.contains("certificate")
            && [
                "not valid after",
                "has expired or is not yet valid",
                "is expired",
            ]
            .iter()
            .any(|text| message.contains(text))
}
