//! The Swarm: what each manager guest says of itself, and the node list of one that manages.

use std::collections::BTreeMap;

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, Docker, Facts, Membership, RequestBody, SwarmView};

use super::{ask, guest, host_state, named};
use crate::channel::ChannelError;
use crate::context::Context;
use crate::plan::observed::{HostState, ManagerState, ObservedSwarm};

pub(super) async fn observe(
    context: &Context,
    managers: &[Vmid],
    own: Option<(Vmid, &Facts)>,
) -> ObservedSwarm {
    let looks = managers.iter().map(|vmid| async move {
        let state = match own {
            Some((own, facts)) if own == *vmid => manager_state(facts),
            _ => look_at(context, *vmid).await,
        };
        (*vmid, state)
    });
    let managers: BTreeMap<Vmid, Observed<Option<ManagerState>>> =
        futures_util::future::join_all(looks)
            .await
            .into_iter()
            .collect();
    let mut seen = ObservedSwarm {
        managers,
        view: Observed::unknown("no manager guest is in a cluster"),
    };
    // The guest itself first: it needs nobody else to run.
    let mut clusters: Vec<Vmid> = seen.clusters().iter().map(|(vmid, _)| *vmid).collect();
    clusters.sort_by_key(|vmid| own.is_none_or(|(own, _)| *vmid != own));
    for via in clusters {
        seen.view = view(context, via).await;
        if seen.view.known().is_some() {
            break;
        }
    }
    seen
}

async fn look_at(context: &Context, vmid: Vmid) -> Observed<Option<ManagerState>> {
    match host_state(context, vmid).await {
        Observed::Known(HostState::Running) => {}
        Observed::Known(HostState::Absent) => return Observed::Known(None),
        Observed::Known(state) => return Observed::unknown(state.to_string()),
        Observed::Unknown(reason) => return Observed::Unknown(reason),
    }
    match guest::facts(context, vmid).await {
        Ok(facts) => manager_state(&facts),
        // Without our agent it was never set up by us, yet it may be in a Swarm.
        Err(error @ ChannelError::AgentMissing { .. }) => Observed::Unknown(error.to_string()),
        Err(error) => Observed::Unknown(Chain(&error).to_string()),
    }
}

fn manager_state(facts: &Facts) -> Observed<Option<ManagerState>> {
    let state = |membership| Observed::Known(Some(ManagerState { membership }));
    match &facts.docker {
        // During an election the engine cannot name its cluster.
        Observed::Known(Docker::Running {
            swarm: Membership::Manager {
                cluster_id, error, ..
            },
            ..
        }) if cluster_id.is_empty() => {
            Observed::Unknown(format!("it manages a Swarm and has no leader: {error}"))
        }
        Observed::Known(Docker::Running { swarm, .. }) => state(swarm.clone()),
        Observed::Known(Docker::NotInstalled) => state(Membership::Inactive),
        Observed::Known(Docker::Stopped) => Observed::unknown("its Docker does not run"),
        Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
    }
}

async fn view(context: &Context, via: Vmid) -> Observed<(Vmid, SwarmView)> {
    match ask(context, via, RequestBody::SwarmView).await {
        Ok(Answer::SwarmView(view)) => Observed::Known((via, view)),
        Ok(_) => Observed::Unknown(named(via, "the agent answered another question")),
        Err(error) => Observed::Unknown(named(via, &Chain(&error).to_string())),
    }
}

/// Whether the guest's own node stands in the manager's list: only then its stacks can be placed.
pub(super) fn knows_node(view: &SwarmView, facts: &Facts) -> bool {
    let Observed::Known(Docker::Running { swarm, .. }) = &facts.docker else {
        return false;
    };
    match swarm {
        Membership::Worker { node_id, .. } | Membership::Manager { node_id, .. } => {
            view.nodes.iter().any(|node| node.id == *node_id)
        }
        _ => false,
    }
}
