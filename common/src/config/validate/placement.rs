//! Placement constraints that no node can meet.

use std::collections::BTreeSet;

use super::super::error::{ConfigError, Rule, Scope};
use super::super::stack::Stack;
use super::guests::Guests;
use super::stacks::Stacks;

/// A label that no guest carries keeps a service pending for ever. Only a warning: labels may also be
/// set by hand.
pub(super) fn check(guests: &Guests<'_>, stacks: &Stacks, findings: &mut Vec<ConfigError>) {
    let mut labels: BTreeSet<(&str, String)> = BTreeSet::new();
    for guest in guests.iter() {
        for (key, value) in guest.swarm.iter().flat_map(|member| &member.labels) {
            labels.insert((key, value.to_lowercase()));
        }
    }
    for stack in stacks.valid.values() {
        let wanted: BTreeSet<(&str, String)> = constraints(stack).filter_map(label).collect();
        for (key, value) in wanted.difference(&labels) {
            let message = format!(
                "stack `{}` wants node label {key}={value}, which no guest declares",
                stack.name
            );
            findings.push(
                ConfigError::at(stack.origin.clone(), Rule::PlacementConstraint, message)
                    .hint("add it to the `node_labels` of a guest")
                    .scope(Scope::Stack(stack.name.clone()))
                    .warning(),
            );
        }
    }
}

fn constraints(stack: &Stack) -> impl Iterator<Item = &str> {
    let placement = &stack.placement;
    let single = placement.services.values().flatten();
    (placement.all_services.iter().chain(single)).map(String::as_str)
}

/// Key and value of `node.labels.KEY == VALUE`; Swarm compares values without regard to case.
fn label(constraint: &str) -> Option<(&str, String)> {
    let (key, value) = constraint.split_once("==")?;
    let key = key.trim().strip_prefix("node.labels.")?;
    let own = key.starts_with(super::swarm::OWN_LABELS);
    (!own).then(|| (key, value.trim().to_lowercase()))
}
