//! Swarm membership: of one guest, and of each Swarm as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{ConfigError, Rule, Scope};
use super::super::file::{GuestEntry, SwarmRoleName};
use super::super::guest::{Guest, GuestKind, SwarmMember};
use super::super::hypervisor::Hypervisor;
use super::super::source::Place;
use super::Context;
use super::guests::Guests;
use crate::vmid::Vmid;
use crate::wire::SwarmRole;

/// Labels of this prefix are set by Phoenix itself.
pub(super) const OWN_LABELS: &str = "phoenix.";

/// The guest's place in its Swarm.
pub(super) fn member(
    entry: &mut GuestEntry,
    kind: GuestKind,
    place: &Place<'_>,
    context: &Context<'_>,
    errors: &mut Vec<ConfigError>,
) -> Option<SwarmMember> {
    let labels = labels(entry, place, errors);
    let Some(role) = entry.swarm_role else {
        for key in ["node_labels", "swarm"] {
            let of_nothing = (place.get(key))
                .filter(|value| !value.node.items().is_empty() || value.node.text().is_some());
            if let Some(value) = of_nothing {
                let message = format!("`{key}` without `swarm_role` has no effect");
                errors.push(
                    (value.error(Rule::Swarm, message))
                        .hint("add `swarm_role`: \"manager\" or \"worker\""),
                );
            }
        }
        return None;
    };
    if kind == GuestKind::Container {
        errors.push(
            place
                .at("swarm_role")
                .error(Rule::Swarm, "a container cannot be a Swarm node")
                .hint("overlay networks need kernel access that an LXC container does not have: use a VM"),
        );
        return None;
    }
    let name = match entry.swarm.take() {
        Some(name) => name.into(),
        None => context.hypervisor.swarm.name.clone(),
    };
    Some(SwarmMember {
        name,
        role: match role {
            SwarmRoleName::Manager => SwarmRole::Manager,
            SwarmRoleName::Worker => SwarmRole::Worker,
        },
        labels,
    })
}

fn labels(
    entry: &mut GuestEntry,
    place: &Place<'_>,
    errors: &mut Vec<ConfigError>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (index, label) in entry.node_labels.drain(..).enumerate() {
        let (key, value) = label.split_once('=').unwrap_or((&label, ""));
        let place = place.at("node_labels").item(index);
        if key.starts_with(OWN_LABELS) {
            let message =
                format!("label `{key}`: names that start with `{OWN_LABELS}` are Phoenix's own");
            errors.push(place.error(Rule::NodeLabel, message));
        }
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            let message = format!("label `{key}` stands twice");
            errors.push(place.error(Rule::DuplicateName, message));
        }
    }
    labels
}

/// A Swarm needs a manager, an odd number of them is better, and its overlays must not hide a guest.
pub(super) fn check(
    guests: &Guests<'_>,
    hypervisor: &Hypervisor,
    settings: Option<&Place<'_>>,
    findings: &mut Vec<ConfigError>,
) {
    let mut swarms: BTreeMap<&str, Vec<&Guest>> = BTreeMap::new();
    for guest in guests.iter() {
        if let Some(member) = &guest.swarm {
            swarms.entry(&member.name).or_default().push(guest);
        }
    }
    for (name, members) in swarms {
        managers(name, &members, guests, findings);
    }
    overlaps(guests, hypervisor, settings, findings);
}

fn managers(name: &str, members: &[&Guest], guests: &Guests<'_>, findings: &mut Vec<ConfigError>) {
    let managers: Vec<&Guest> = (members.iter().copied())
        .filter(|guest| guest.is_manager())
        .collect();
    let vmids: BTreeSet<Vmid> = members.iter().map(|guest| guest.vmid).collect();
    let speaker = managers.last().or(members.first()).map(|guest| guest.vmid);
    let Some((_, place)) = speaker.and_then(|vmid| guests.known.get(&vmid)) else {
        return;
    };
    let place = place.at("swarm_role");
    if managers.is_empty() && !guests.broken_swarm_member {
        let message = format!("Swarm `{name}` has no manager");
        let scope = Scope::Guests {
            vmids,
            every_swarm_member: false,
        };
        findings.push(
            (place.error(Rule::Swarm, message))
                .hint("make one of its guests \"swarm_role\": \"manager\"")
                .scope(scope),
        );
    } else if !managers.is_empty() && managers.len().is_multiple_of(2) {
        let count = managers.len();
        let message = format!(
            "Swarm `{name}` has {count} managers: it bears no more failures than with one less"
        );
        let error = place.error(Rule::Swarm, message);
        findings.push(error.hint("take 1, 3 or 5 managers").warning());
    }
}

fn overlaps(
    guests: &Guests<'_>,
    hypervisor: &Hypervisor,
    settings: Option<&Place<'_>>,
    findings: &mut Vec<ConfigError>,
) {
    let Some(settings) = settings else { return };
    for (index, pool) in hypervisor.swarm.default_address_pool.iter().enumerate() {
        let hidden = guests.iter().find(|guest| {
            (guest.network.as_ref()).is_some_and(|network| {
                let own = network.address.trunc();
                own.contains(pool) || pool.contains(&own)
            })
        });
        if let Some(guest) = hidden {
            let place = settings.at("swarm").at("default_address_pool").item(index);
            let message = format!("{pool} overlaps the network of guest {}", guest.vmid);
            let scope = Scope::Guests {
                vmids: BTreeSet::from([guest.vmid]),
                every_swarm_member: true,
            };
            findings.push(
                (place.error(Rule::Address, message))
                    .hint("overlay networks would hide the guests: take a network that is used nowhere")
                    .scope(scope),
            );
        }
    }
}
