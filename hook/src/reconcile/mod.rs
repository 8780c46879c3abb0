//! Observe, plan, execute, observe again, until nothing is left to do.

pub mod portainer;
mod run;
mod seen;
mod stalled;
mod step;

use std::time::Duration;

use phoenix_common::fail_point;
use phoenix_common::log::Chain;
use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;

use crate::context::Context;
use crate::lock::{Lock, LockError, unix_seconds};
use crate::plan::Plan;
use crate::plan::desired::Desired;
use crate::progress::Progress;
use crate::record::{self, Outcome, RECORD_VERSION, Record, RecordError};
use run::Run;
use stalled::Stalled;

/// Who asked for a run, and how long it may wait for others.
#[derive(Debug, Clone)]
pub struct Order {
    pub vmid: Vmid,
    /// For locks and records: `worker`, `run`.
    pub verb: &'static str,
    /// What made the run start, for the record.
    pub trigger: String,
    /// Whether to go on looking while only another guest can move (by hand), or to end and be called again (worker).
    pub wait_for_others: bool,
    /// The guest is on its way to this node (live migration): not being here yet is no reason to end.
    pub arrives: bool,
    /// Whether the guest's part of Portainer (environment, stacks) is brought about, too.
    pub portainer: bool,
    /// Of its stacks this one only, by its deployed name.
    pub only_stack: Option<String>,
    pub deadline: Duration,
    /// How long a guest's agent may stay silent.
    pub agent_wait: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ending {
    pub outcome: Outcome,
    /// Why it is not converged, one line each.
    pub open: Vec<String>,
    /// Whether trying again later, without anybody's doing, may help.
    pub retry: bool,
    /// Something was refused for safety.
    pub refused: bool,
    /// The guests that have to move first.
    pub waits_for: Vec<Vmid>,
    /// How many actions were carried out.
    pub actions_done: usize,
    /// How many were begun: one that failed may have written something.
    pub actions_tried: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("guest {0} is not configured")]
    UnknownGuest(Vmid),
    #[error("another run works on guest {vmid}")]
    Lock { vmid: Vmid, source: LockError },
    #[error("the record of guest {vmid}")]
    Record { vmid: Vmid, source: RecordError },
}

/// Brings one guest to its declared state. The guest's lock is held throughout.
///
/// # Errors
/// The run could not begin or its record not be written; failures of actions are in the [`Ending`].
pub async fn reconcile(
    context: &Context,
    order: &Order,
    progress: &Progress,
) -> Result<Ending, ReconcileError> {
    let vmid = order.vmid;
    let deadline = Deadline::after(order.deadline);
    let path = context.paths.guest_lock(vmid);
    let _lock = Lock::acquire(&path, order.verb, deadline, |holder| {
        progress.say(vmid, &format!("waits for another run: {holder}"));
    })
    .await
    .map_err(|source| ReconcileError::Lock { vmid, source })?;
    let desired = desired(context, order).ok_or(ReconcileError::UnknownGuest(vmid))?;
    let mut run = Run {
        context,
        order,
        progress,
        deadline,
        agent_deadline: Deadline::after(order.agent_wait),
        desired,
        record: new_record(context, order),
        last_waiting: Vec::new(),
        warnings: Vec::new(),
        stalled: Stalled::default(),
        swarm_lock: None,
    };
    let result = begin_to_end(&mut run).await;
    if let Err(error) = &result {
        record::interrupt(&context.paths, vmid, &Chain(error).to_string());
    }
    result
}

async fn begin_to_end(run: &mut Run<'_>) -> Result<Ending, ReconcileError> {
    run.write_record()?;
    let mut ending = run.rounds().await?;
    if run.order.portainer && matches!(ending.outcome, Outcome::Converged | Outcome::Blocked) {
        run.portainer(&mut ending).await;
    }
    fail_point!("{} before its record is closed", run.order.vmid);
    run.close(&ending)?;
    Ok(ending)
}

/// What the guest shall be, as far as the run is about it.
fn desired(context: &Context, order: &Order) -> Option<Desired> {
    let mut desired = context.desired(order.vmid)?;
    if let Some(name) = &order.only_stack {
        desired.stacks.retain(|stack| stack.name == *name);
    }
    Some(desired)
}

fn new_record(context: &Context, order: &Order) -> Record {
    let guest = context.config.guests.get(&order.vmid);
    Record {
        version: RECORD_VERSION,
        vmid: order.vmid,
        name: guest.map_or_else(String::new, |guest| guest.name.clone()),
        trigger: order.trigger.clone(),
        started_unix_seconds: unix_seconds(),
        ended_unix_seconds: None,
        outcome: Outcome::Running,
        config_digest: context.config.digest.clone(),
        steps: Vec::new(),
        open: Vec::new(),
        notices: Vec::new(),
        seen: record::carried(&context.paths, order.vmid),
    }
}

/// Why a plan is not converged, one line each.
pub fn open_lines(plan: &Plan) -> Vec<String> {
    let blocked = plan
        .blocked
        .iter()
        .map(|blocked| format!("{}: {}", blocked.what, blocked.reason));
    let waiting = plan.waiting.iter().map(|waiting| match waiting.on {
        Some(vmid) => format!("waits for guest {vmid}: {}", waiting.reason),
        None => format!("waits: {}", waiting.reason),
    });
    blocked.chain(waiting).collect()
}
