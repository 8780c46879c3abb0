//! The guests of a sync: their plans, and their runs side by side.

use futures_util::stream::{self, StreamExt};
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::scope::Scope;
use crate::context::Context;
use crate::lock::LockError;
use crate::observe::{host_state, observe};
use crate::plan::observed::HostState;
use crate::plan::{Plan, guest};
use crate::progress::Progress;
use crate::reconcile::{Order, ReconcileError, reconcile};
use crate::record::Outcome;

/// A guest's plan before anything is done.
#[derive(Debug, Serialize)]
pub(super) struct GuestPlan {
    pub vmid: Vmid,
    #[serde(flatten)]
    pub plan: Plan,
}

/// What became of a guest.
#[derive(Debug, Serialize)]
pub(super) struct GuestResult {
    pub vmid: Vmid,
    pub outcome: Outcome,
    pub actions_done: usize,
    pub open: Vec<String>,
    #[serde(skip)]
    pub refused: bool,
}

pub(super) async fn plans(context: &Context, scope: &Scope) -> Vec<GuestPlan> {
    let parallel = context.config.hypervisor.worker_guests_in_parallel;
    let looks = stream::iter(&scope.guests).map(|vmid| async move {
        let mut desired = context.desired(*vmid)?;
        if let Some(name) = &scope.only_stack {
            desired.stacks.retain(|stack| stack.name == *name);
        }
        let plan = guest::plan(&desired, &observe(context, &desired).await);
        Some(GuestPlan { vmid: *vmid, plan })
    });
    let plans: Vec<Option<GuestPlan>> = looks.buffered(parallel).collect().await;
    plans.into_iter().flatten().collect()
}

/// Runs those whose plan is not empty. Who waits for another guest waits while that one works.
pub(super) async fn bring(
    context: &Context,
    scope: &Scope,
    plans: Vec<GuestPlan>,
    order: &dyn Fn(Vmid) -> Order,
    progress: &Progress,
) -> Vec<GuestResult> {
    // All at once: a guest that waits for one behind it in the queue would wait for ever.
    let parallel = scope.guests.len().max(1);
    let runs = stream::iter(plans).map(|plan| async move {
        let vmid = plan.vmid;
        if plan.plan.is_settled() {
            return settled(&plan);
        }
        if let Some(why) = not_running(context, vmid).await {
            return failed(vmid, Outcome::Failed, why);
        }
        let order = order(vmid);
        match reconcile(context, &order, progress).await {
            Ok(ending) => GuestResult {
                vmid,
                outcome: ending.outcome,
                actions_done: ending.actions_done,
                open: ending.open,
                refused: ending.refused,
            },
            Err(error) => {
                let held = matches!(
                    &error,
                    ReconcileError::Lock {
                        source: LockError::Held { .. },
                        ..
                    }
                );
                let outcome = if held {
                    Outcome::Waiting
                } else {
                    Outcome::Failed
                };
                failed(vmid, outcome, Chain(&error).to_string())
            }
        }
    });
    let mut results: Vec<GuestResult> = runs.buffer_unordered(parallel).collect().await;
    results.sort_by_key(|result| scope.guests.iter().position(|vmid| *vmid == result.vmid));
    results
}

fn settled(plan: &GuestPlan) -> GuestResult {
    GuestResult {
        vmid: plan.vmid,
        outcome: if plan.plan.is_converged() {
            Outcome::Converged
        } else {
            Outcome::Blocked
        },
        actions_done: 0,
        open: crate::reconcile::open_lines(&plan.plan),
        refused: plan.plan.blocked.iter().any(|blocked| blocked.refused),
    }
}

fn failed(vmid: Vmid, outcome: Outcome, why: String) -> GuestResult {
    GuestResult {
        vmid,
        outcome,
        actions_done: 0,
        open: vec![why],
        refused: false,
    }
}

/// A guest that is off or not there stays so.
async fn not_running(context: &Context, vmid: Vmid) -> Option<String> {
    match host_state(context, vmid).await {
        Observed::Known(HostState::Stopped) => Some(format!(
            "it is stopped: qm start {vmid} (or phoenix lets-go)"
        )),
        Observed::Known(HostState::Absent) => Some(format!(
            "Proxmox has no such guest on any node: phoenix create {vmid}"
        )),
        Observed::Known(HostState::OtherNode(node)) => {
            Some(format!("it is on node {node}: run this there"))
        }
        _ => None,
    }
}
