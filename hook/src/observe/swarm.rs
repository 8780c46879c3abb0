//! The Swarm: what each manager guest says of itself, and the node list of one that manages.

use std::collections::BTreeMap;

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, Docker, Facts, Membership, RequestBody, SwarmView};

use super::{ask, guest, host_state, named};
use crate::channel::ChannelError;
use crate::context::Context;
use crate::plan::desired::VMID_LABEL;
use crate::plan::observed::{HostState, ManagerState, NodeOwner, ObservedSwarm};

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
        owner: None,
    };
    // The guest itself first: it needs nobody else to run.
    let mut clusters: Vec<Vmid> = seen.clusters().iter().map(|(vmid, _)| *vmid).collect();
    clusters.sort_by_key(|vmid| own.is_none_or(|(own, _)| *vmid != own));
    let mut of_a_copy = None;
    for via in clusters {
        seen.view = view(context, via).await;
        match &seen.view {
            Observed::Known((_, view)) if owner_of(view, seen.node_of(via), via).is_some() => {
                of_a_copy = Some(seen.view.clone());
            }
            Observed::Known(_) => {
                of_a_copy = None;
                break;
            }
            Observed::Unknown(_) => {}
        }
    }
    // A copy of a manager's disk has a cluster of its own; it counts only when nobody else answers.
    if let Some(view) = of_a_copy {
        seen.view = view;
    }
    seen.owner = owner(context, &seen, own).await;
    seen
}

/// The other guest whose label the guest's node carries.
fn owner_of(view: &SwarmView, node_id: Option<&str>, vmid: Vmid) -> Option<Vmid> {
    let node = view
        .nodes
        .iter()
        .find(|node| Some(node.id.as_str()) == node_id)?;
    let owner: Vmid = node.labels.get(VMID_LABEL)?.parse().ok()?;
    (owner != vmid).then_some(owner)
}

/// Whose node the guest's own is by its label, and whether that guest is it.
async fn owner(
    context: &Context,
    seen: &ObservedSwarm,
    own: Option<(Vmid, &Facts)>,
) -> Option<(Vmid, Observed<NodeOwner>)> {
    let (vmid, facts) = own?;
    let (_, view) = seen.view.known()?;
    let node_id = facts.swarm_node_id();
    let owner = owner_of(view, node_id, vmid)?;
    let state = match host_state(context, owner).await {
        Observed::Known(HostState::Running) => match guest::facts(context, owner).await {
            Ok(its) if its.swarm_node_id() == node_id => Observed::Known(NodeOwner::IsTheNode),
            Ok(its) => match its.docker {
                // An engine that is just starting does not say yet which node it is.
                Observed::Known(
                    Docker::Running {
                        swarm: Membership::Pending,
                        ..
                    }
                    | Docker::Stopped,
                ) => Observed::unknown("its engine is not ready"),
                Observed::Known(_) => Observed::Known(NodeOwner::HasAnotherNode),
                Observed::Unknown(reason) => Observed::Unknown(reason),
            },
            Err(error) => Observed::Unknown(Chain(&error).to_string()),
        },
        Observed::Known(HostState::Absent) => Observed::Known(NodeOwner::Absent),
        Observed::Known(state) => Observed::unknown(state.to_string()),
        Observed::Unknown(reason) => Observed::Unknown(reason),
    };
    Some((owner, state))
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
    let node_id = facts.swarm_node_id();
    node_id.is_some_and(|node_id| view.nodes.iter().any(|node| node.id == node_id))
}
