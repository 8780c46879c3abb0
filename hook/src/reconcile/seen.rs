//! The few observed facts that a record keeps for `status`.

use phoenix_common::observed::Observed;
use phoenix_common::wire::{Docker, Membership};

use crate::plan::desired::Desired;
use crate::plan::observed::{AgentState, ObservedGuest};
use crate::record::Seen;

/// `before`: what the record says so far; a silent guest is still the member that it was.
pub(super) fn seen(observed: &ObservedGuest, desired: &Desired, before: &Seen) -> Seen {
    let Observed::Known(AgentState::Present(facts)) = &observed.agent else {
        return Seen {
            swarm_managers: before.swarm_managers.clone(),
            ..Seen::default()
        };
    };
    let (docker_version, swarm) = match &facts.docker {
        Observed::Known(Docker::Running { version, swarm, .. }) => {
            (version.clone(), membership_word(swarm).to_owned())
        }
        Observed::Known(Docker::NotInstalled) => ("not installed".to_owned(), String::new()),
        Observed::Known(Docker::Stopped) => ("stopped".to_owned(), String::new()),
        Observed::Unknown(_) => (String::new(), String::new()),
    };
    let is_member = matches!(swarm.as_str(), "worker" | "manager");
    let managers = desired.swarm.as_ref().filter(|_| is_member);
    Seen {
        swarm_managers: managers.map_or_else(Vec::new, |swarm| swarm.managers.clone()),
        agent_version: facts.agent_version.clone(),
        docker_version,
        swarm,
        boot_id: facts.boot_id.clone(),
    }
}

fn membership_word(membership: &Membership) -> &'static str {
    match membership {
        Membership::Inactive => "inactive",
        Membership::Pending => "pending",
        Membership::Locked => "locked",
        Membership::Error { .. } => "error",
        Membership::Worker { .. } => "worker",
        Membership::Manager { .. } => "manager",
    }
}
