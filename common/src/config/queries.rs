//! Questions about the estate: order, dependencies, what is not handled yet.

use std::collections::BTreeSet;
use std::fmt;

use super::Config;
use super::guest::{Deployer, Guest, PortainerRole};
use crate::vmid::Vmid;

/// A declared key that this version loads and checks but does not act on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Unhandled {
    pub key: String,
}

impl fmt::Display for Unhandled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: declared, not handled by this version",
            self.key
        )
    }
}

/// Keys of a guest entry that no planner reads yet. A key leaves the list with the work that acts on it.
const UNHANDLED_KEYS: [&str; 0] = [];

impl Config {
    /// Guests in the order they start: by `boot_order` (without one last), then by vmid.
    pub fn guests_in_boot_order(&self) -> Vec<&Guest> {
        let mut guests: Vec<&Guest> = self.guests.values().collect();
        guests.sort_by_key(|guest| (guest.boot_order.unwrap_or(u32::MAX), guest.vmid));
        guests
    }

    /// Members of a Swarm in boot order.
    pub fn members_of(&self, swarm: &str) -> Vec<&Guest> {
        let mut guests = self.guests_in_boot_order();
        guests.retain(|guest| {
            guest
                .swarm
                .as_ref()
                .is_some_and(|member| member.name == swarm)
        });
        guests
    }

    /// Managers of a Swarm in boot order: the first is the candidate for `init`.
    pub fn managers_of(&self, swarm: &str) -> Vec<&Guest> {
        let mut guests = self.members_of(swarm);
        guests.retain(|guest| guest.is_manager());
        guests
    }

    /// The guest that runs the Portainer server.
    pub fn portainer_primary(&self) -> Option<&Guest> {
        self.guests
            .values()
            .find(|guest| guest.portainer_role == Some(PortainerRole::Primary))
    }

    /// Guests whose desired state names this one: they are reconciled again when it has changed.
    pub fn guests_depending_on(&self, vmid: Vmid) -> BTreeSet<Vmid> {
        let Some(subject) = self.guests.get(&vmid) else {
            return BTreeSet::new();
        };
        self.guests
            .values()
            .filter(|guest| guest.vmid != vmid)
            .filter(|guest| {
                waits_for_manager(guest, subject)
                    || waits_for_portainer(guest, subject)
                    || waits_for_storage(guest, subject)
            })
            .map(|guest| guest.vmid)
            .collect()
    }

    /// What is declared for the guest and not acted on by this version.
    pub fn unhandled(&self, vmid: Vmid) -> Vec<Unhandled> {
        let Some(guest) = self.guests.get(&vmid) else {
            return Vec::new();
        };
        let mut keys: Vec<String> = UNHANDLED_KEYS
            .iter()
            .filter(|key| guest.declared_keys.contains(**key))
            .map(|key| (*key).to_owned())
            .collect();
        let gateway = self.hypervisor.gateway.as_ref();
        for route in gateway.iter().flat_map(|gateway| &gateway.routes) {
            if route.to_vmid == vmid || gateway.is_some_and(|gateway| gateway.vmid == vmid) {
                keys.push(format!("gateway route {}", route.name));
            }
        }
        keys.into_iter().map(|key| Unhandled { key }).collect()
    }
}

fn waits_for_manager(guest: &Guest, subject: &Guest) -> bool {
    match (&guest.swarm, &subject.swarm) {
        (Some(own), Some(other)) => subject.is_manager() && own.name == other.name,
        _ => false,
    }
}

fn waits_for_portainer(guest: &Guest, subject: &Guest) -> bool {
    let uses_portainer = guest.portainer_role.is_some()
        || guest
            .stacks
            .iter()
            .any(|stack| stack.deployer == Deployer::Portainer);
    subject.portainer_role == Some(PortainerRole::Primary) && uses_portainer
}

fn waits_for_storage(guest: &Guest, subject: &Guest) -> bool {
    let Some(network) = subject.network else {
        return false;
    };
    let address = network.address.addr().to_string();
    guest.volumes.iter().any(|volume| {
        volume
            .server
            .as_deref()
            .is_some_and(|server| server == address || server == subject.name)
    })
}
