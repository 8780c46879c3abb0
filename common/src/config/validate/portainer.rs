//! Portainer and gateway: what the estate as a whole must have.

use std::collections::BTreeSet;

use super::super::error::{ConfigError, Rule, Scope};
use super::super::guest::PortainerRole;
use super::super::hypervisor::Hypervisor;
use super::super::source::Place;
use super::guests::Guests;
use crate::vmid::Vmid;

/// One primary, and one only.
pub(super) fn check(guests: &Guests<'_>, incomplete: bool, findings: &mut Vec<ConfigError>) {
    let with_role = |role| {
        let guests = guests.known.values();
        guests.filter(move |(guest, _)| guest.portainer_role == Some(role))
    };
    let mut primaries = with_role(PortainerRole::Primary);
    match (primaries.next(), with_role(PortainerRole::Agent).next()) {
        (Some((first, _)), _) => {
            for (guest, place) in primaries {
                let message = format!("guest {} is a second Portainer primary", guest.vmid);
                findings.push(
                    (place.at("portainer_role").error(Rule::Portainer, message))
                        .hint(format!("the first is {} at {}", first.vmid, first.origin))
                        .scope(of_guests([first.vmid, guest.vmid])),
                );
            }
        }
        (None, Some((_, place))) if !incomplete && !guests.has_broken() => {
            let message = "there are Portainer agents, but no guest is `primary`";
            let error = place.at("portainer_role").error(Rule::Portainer, message);
            findings.push(error.warning());
        }
        (None, _) => {}
    }
}

/// Routes lead to guests that exist.
pub(super) fn routes(
    guests: &Guests<'_>,
    hypervisor: &Hypervisor,
    settings: Option<&Place<'_>>,
    findings: &mut Vec<ConfigError>,
) {
    let (Some(gateway), Some(settings)) = (&hypervisor.gateway, settings) else {
        return;
    };
    let list = settings.at("gateway").at("routes");
    let mut taken = BTreeSet::new();
    for (index, route) in gateway.routes.iter().enumerate() {
        let place = list.item(index);
        let scope = of_guests([gateway.vmid, route.to_vmid]);
        if !guests.knows(route.to_vmid) {
            let message = format!(
                "route `{}`: guest {} is not declared",
                route.name, route.to_vmid
            );
            let error = place.at("to_vmid").error(Rule::UnknownGuest, message);
            findings.push(error.scope(scope.clone()));
        }
        if !taken.insert((route.listen_port, &route.server_name)) {
            let message = format!(
                "route `{}`: port {} is taken",
                route.name, route.listen_port
            );
            findings.push(
                (place.at("listen_port").error(Rule::DuplicateName, message))
                    .hint("give it another port, or a `server_name`")
                    .scope(scope),
            );
        }
    }
}

pub(super) fn of_guests<const N: usize>(vmids: [Vmid; N]) -> Scope {
    Scope::Guests {
        vmids: BTreeSet::from(vmids),
        every_swarm_member: false,
    }
}
