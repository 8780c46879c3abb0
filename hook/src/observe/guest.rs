//! The guest through its own agent.

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::qga::QgaError;
use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, Facts, GuestPlan, RequestBody};

use super::{QUESTION, ask, verdict};
use crate::channel::{Channel, ChannelError};
use crate::context::Context;
use crate::plan::desired::Desired;
use crate::plan::observed::{AgentState, Refusal};
use crate::pve::guest::{Place, place};

/// Whether Phoenix's agent is there, and what it sees.
pub(super) async fn agent_state(context: &Context, vmid: Vmid) -> Observed<AgentState> {
    match facts(context, vmid).await {
        Ok(facts) => Observed::Known(AgentState::Present(Box::new(facts))),
        Err(ChannelError::AgentMissing { .. }) => Observed::Known(AgentState::Missing),
        Err(ChannelError::OtherProtocol { version, .. }) => {
            Observed::Known(AgentState::OtherProtocol(version))
        }
        Err(error) => match unusable(context, vmid, &error) {
            Some(reason) => Observed::Known(AgentState::Unusable(reason)),
            None => Observed::Unknown(Chain(&error).to_string()),
        },
    }
}

/// Why waiting does not help. A missing socket may also mean that the VM is just ending.
fn unusable(context: &Context, vmid: Vmid, error: &ChannelError) -> Option<String> {
    let ChannelError::Qga { source, .. } = error else {
        return None;
    };
    match source {
        QgaError::SocketMissing { .. } if !agent_configured(context, vmid) => Some(format!(
            "the VM has no QEMU guest agent device: qm set {vmid} --agent 1, then stop and start it"
        )),
        QgaError::ExecBlocked { .. } => Some(format!(
            "{}: allow guest-exec and guest-exec-status in the guest (/etc/sysconfig/qemu-ga or its unit's drop-in), then restart qemu-guest-agent",
            Chain(error)
        )),
        _ => None,
    }
}

fn agent_configured(context: &Context, vmid: Vmid) -> bool {
    match place(&context.paths, vmid) {
        Ok(Place::Here { conf, .. }) => conf.agent_enabled(),
        _ => true,
    }
}

/// The facts of a guest that runs.
pub(super) async fn facts(context: &Context, vmid: Vmid) -> Result<Facts, ChannelError> {
    let channel = Channel::to(vmid, &context.paths);
    channel.facts(Deadline::after(QUESTION)).await
}

/// What the agent would change for the declared infrastructure layer.
pub(super) async fn plan(
    context: &Context,
    desired: &Desired,
) -> Observed<Result<GuestPlan, Refusal>> {
    let question = RequestBody::InspectGuest(desired.guest.clone());
    match ask(context, desired.vmid, question).await {
        Ok(Answer::InspectGuest(plan)) => Observed::Known(Ok(plan.bounded())),
        Ok(_) => Observed::unknown("the agent answered another question"),
        Err(error) => verdict(&error),
    }
}
