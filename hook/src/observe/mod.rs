//! Looks at everything a plan depends on. What cannot be seen is `Unknown` with the reason; nothing is changed.

mod guest;
mod host;
mod instance;
mod machine;
pub mod portainer;
mod stacks;
mod swarm;

use std::collections::BTreeMap;
use std::time::Duration;

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, Docker, FailureKind, RequestBody};

use crate::channel::{Channel, ChannelError};
use crate::context::Context;
use crate::plan::desired::Desired;
use crate::plan::instance::InstanceDesired;
use crate::plan::observed::{AgentState, ObservedGuest, ObservedSwarm, Refusal};

pub use host::host_state;
pub use machine::machine_state;

/// How long one question to a guest may take.
const QUESTION: Duration = Duration::from_secs(30);

/// One look at a guest, its Swarm and its stacks. Every question inside has its own deadline.
pub async fn observe(context: &Context, desired: &Desired) -> ObservedGuest {
    let host = host_state(context, desired.vmid).await;
    let mut seen = ObservedGuest {
        host,
        agent: Observed::unknown("the guest does not run"),
        guest_plan: Observed::unknown("the guest agent has not answered"),
        swarm: None,
        stacks: BTreeMap::new(),
        portainer: Observed::unknown("Docker does not answer yet"),
    };
    if !seen.runs() {
        return seen;
    }
    seen.agent = guest::agent_state(context, desired.vmid).await;
    let Observed::Known(AgentState::Present(facts)) = &seen.agent else {
        return seen;
    };
    seen.guest_plan = guest::plan(context, desired).await;
    if let Some(InstanceDesired::Containers(spec)) = &desired.portainer
        && matches!(facts.docker, Observed::Known(Docker::Running { .. }))
    {
        seen.portainer = instance::observe(context, desired.vmid, spec).await;
    }
    if let Some(wanted) = &desired.swarm {
        let own = Some((desired.vmid, facts.as_ref()));
        let swarm = swarm::observe(context, &wanted.managers, own).await;
        if let Observed::Known((via, view)) = &swarm.view
            && swarm::knows_node(view, facts)
        {
            seen.stacks = stacks::observe(context, desired, *via).await;
        }
        seen.swarm = Some(swarm);
    }
    seen
}

/// One look at a Swarm from outside: its manager guests and the cluster as one of them sees it.
pub async fn observe_swarm(context: &Context, managers: &[Vmid]) -> ObservedSwarm {
    swarm::observe(context, managers, None).await
}

async fn ask(context: &Context, vmid: Vmid, body: RequestBody) -> Result<Answer, ChannelError> {
    let channel = Channel::to(vmid, &context.paths);
    channel.answer(body, Deadline::after(QUESTION)).await
}

/// What a failed question says: a refusal is an answer, anything that may pass is not known yet.
fn verdict<T>(error: &ChannelError) -> Observed<Result<T, Refusal>> {
    let reason = Chain(error).to_string();
    match error {
        ChannelError::Refused { failure, .. } if failure.kind != FailureKind::Retryable => {
            Observed::Known(Err(Refusal {
                reason,
                refused: failure.kind == FailureKind::Refused,
            }))
        }
        _ => Observed::Unknown(reason),
    }
}

/// The vmid in a sentence about another guest.
fn named(vmid: Vmid, reason: &str) -> String {
    format!("guest {vmid}: {reason}")
}
