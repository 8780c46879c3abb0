//! Portainer's own containers in a guest. On the Swarm of the primary guest they are services of a stack instead.

use phoenix_common::observed::Observed;
use phoenix_common::spec::PortainerSpec;
use phoenix_common::wire::{PortainerContainer, PortainerView};

use super::action::Action;
use super::desired::Desired;
use super::observed::ObservedGuest;
use super::{Blocked, Plan, Waiting};

/// What of Portainer the guest runs.
#[derive(Debug, Clone, PartialEq)]
pub enum InstanceDesired {
    /// Password and agent secret have to be made first.
    Secrets,
    /// It cannot or must not be so.
    Wrong {
        reason: String,
        refused: bool,
    },
    Containers(Box<PortainerSpec>),
    /// A service of the Swarm, among the guest's stacks or another guest's.
    Service,
}

/// Adds what brings the containers to their spec.
pub fn plan(desired: &Desired, observed: &ObservedGuest, plan: &mut Plan) {
    let what = || "Portainer".to_owned();
    let spec = match &desired.portainer {
        None | Some(InstanceDesired::Service) => return,
        Some(InstanceDesired::Secrets) => {
            return plan.actions.push(Action::MakePortainerSecrets);
        }
        Some(InstanceDesired::Wrong { reason, refused }) => {
            return plan.blocked.push(Blocked {
                what: what(),
                reason: reason.clone(),
                refused: *refused,
            });
        }
        Some(InstanceDesired::Containers(spec)) => spec,
    };
    let view = match &observed.portainer {
        Observed::Known(Ok(view)) => view,
        Observed::Known(Err(refusal)) => return plan.blocked.push(refusal.blocked(&what())),
        Observed::Unknown(reason) => {
            return plan.waiting.push(Waiting {
                on: None,
                reason: reason.clone(),
                patience_seconds: None,
            });
        }
    };
    for container in view.server.iter().chain(&view.agent) {
        plan.notices.extend(foreign(container));
    }
    if let Some((from, to)) = downgrade(spec, view) {
        let reason = format!(
            "{to} is older than {from}, which runs: Portainer would take its newer data without a word and break; set `portainer.version` to {from}, or remove the server with its volume"
        );
        return plan.blocked.push(Blocked {
            what: what(),
            reason,
            refused: true,
        });
    }
    if !view.changes.is_empty() {
        plan.actions.push(Action::ApplyPortainer {
            vmid: desired.vmid,
            spec: spec.clone(),
            changes: view.changes.clone(),
        });
    }
}

fn foreign(container: &PortainerContainer) -> Option<String> {
    if container.is_ours {
        return None;
    }
    Some(format!(
        "container {} ({}, {}) was not made by Phoenix: it is used as it is and not changed",
        container.name, container.image, container.state
    ))
}

fn downgrade(spec: &PortainerSpec, view: &PortainerView) -> Option<(String, String)> {
    let now = view.server.as_ref().filter(|server| server.is_ours)?;
    let from = version_of(&now.image)?;
    let to = version_of(&spec.server.as_ref()?.image)?;
    (to < from).then(|| (dotted(from), dotted(to)))
}

type Version = (u64, u64, u64);

/// The version in an image's tag.
fn version_of(image: &str) -> Option<Version> {
    parse(image.rsplit_once(':')?.1)
}

/// `2.39.6` as numbers.
pub fn parse(version: &str) -> Option<Version> {
    let mut numbers = version.split('.').map(|part| part.parse::<u64>().ok());
    let version = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(version)
}

fn dotted((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version_of("r:5000/p/portainer-ce:2.9.3") < version_of("p:2.39.6"));
        assert_eq!(version_of("p:latest"), None);
        assert_eq!(parse("2.39.6"), Some((2, 39, 6)));
    }
}
