//! The guest through its own agent.

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::qga::QgaError;
use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, Change, Facts, RequestBody};

use super::{QUESTION, ask};
use crate::channel::{Channel, ChannelError};
use crate::context::Context;
use crate::plan::desired::Desired;
use crate::plan::observed::AgentState;

/// Whether Phoenix's agent is there, and what it sees.
pub(super) async fn agent_state(context: &Context, vmid: Vmid) -> Observed<AgentState> {
    match facts(context, vmid).await {
        Ok(facts) => Observed::Known(AgentState::Present(Box::new(facts))),
        Err(ChannelError::AgentMissing { .. }) => Observed::Known(AgentState::Missing),
        Err(error) => match unusable(vmid, &error) {
            Some(reason) => Observed::Known(AgentState::Unusable(reason)),
            None => Observed::Unknown(Chain(&error).to_string()),
        },
    }
}

/// Why waiting does not help. The guest runs, so a missing socket means that it has no agent device.
fn unusable(vmid: Vmid, error: &ChannelError) -> Option<String> {
    let ChannelError::Qga { source, .. } = error else {
        return None;
    };
    match source {
        QgaError::SocketMissing { .. } => Some(format!(
            "the VM has no QEMU guest agent device: qm set {vmid} --agent 1, then stop and start it"
        )),
        QgaError::ExecBlocked { .. } => Some(format!(
            "{}: allow guest-exec and guest-exec-status in the guest (/etc/sysconfig/qemu-ga or its unit's drop-in), then restart qemu-guest-agent",
            Chain(error)
        )),
        _ => None,
    }
}

/// The facts of a guest that runs.
pub(super) async fn facts(context: &Context, vmid: Vmid) -> Result<Facts, ChannelError> {
    let channel = Channel::to_vm(vmid, &context.paths);
    channel.facts(Deadline::after(QUESTION)).await
}

/// What the agent would change for the declared infrastructure layer.
pub(super) async fn changes(context: &Context, desired: &Desired) -> Observed<Vec<Change>> {
    let question = RequestBody::PlanGuest(desired.guest.clone());
    match ask(context, desired.vmid, question).await {
        Ok(Answer::PlanGuest(changes)) => Observed::Known(changes),
        Ok(_) => Observed::unknown("the agent answered another question"),
        Err(error) => Observed::Unknown(Chain(&error).to_string()),
    }
}
