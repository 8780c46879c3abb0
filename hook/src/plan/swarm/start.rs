//! When no manager guest is in a cluster: who starts one, and when it is safe to.

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Membership, SwarmInit};

use super::{PENDING, Step, wait};
use crate::plan::action::Action;
use crate::plan::observed::ManagerState;
use crate::plan::{Plan, pool};

impl Step<'_> {
    /// No manager guest is in a cluster: one of them starts it, when all of them have been seen.
    pub(super) fn without_cluster(&self, plan: &mut Plan) {
        let present: Vec<Vmid> = self.present_managers();
        let Some(candidate) = present.first().copied() else {
            let reason = format!("no manager guest of Swarm {} exists", self.wanted.name);
            return wait(plan, self.wanted.managers.first().copied(), &reason);
        };
        if candidate != self.vmid {
            let reason = match self.seen.managers.get(&candidate) {
                Some(Observed::Unknown(reason)) => reason.clone(),
                _ => format!("it has not started Swarm {} yet", self.wanted.name),
            };
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
            Membership::Pending => wait(plan, None, PENDING),
            Membership::Worker { .. } => self.block(
                plan,
                "the guest is a worker of a cluster that no declared manager is in: run docker swarm leave in it, or declare its manager",
                true,
            ),
            Membership::Locked => self.block(plan, "its Swarm is locked: run docker swarm unlock in the guest", true),
            // The engine says so also between two of its own tries.
            Membership::Error { message } => wait(plan, None, message),
            Membership::Manager { .. } => wait(plan, None, "it manages a Swarm and has no leader"),
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
}
