//! The few observed facts that a record keeps for `status`.

use phoenix_common::observed::Observed;
use phoenix_common::wire::{Docker, Membership};

use crate::plan::observed::{AgentState, ObservedGuest};
use crate::record::Seen;

pub(super) fn seen(observed: &ObservedGuest) -> Seen {
    let Observed::Known(AgentState::Present(facts)) = &observed.agent else {
        return Seen::default();
    };
    let (docker_version, swarm) = match &facts.docker {
        Observed::Known(Docker::Running { version, swarm, .. }) => {
            (version.clone(), membership_word(swarm).to_owned())
        }
        Observed::Known(Docker::NotInstalled) => ("not installed".to_owned(), String::new()),
        Observed::Known(Docker::Stopped) => ("stopped".to_owned(), String::new()),
        Observed::Unknown(_) => (String::new(), String::new()),
    };
    Seen {
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
