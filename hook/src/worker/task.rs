//! The work on one guest, and whom it concerns afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use phoenix_common::config::Config;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;

use crate::context::{Context, ContextError};
use crate::observe::host_state;
use crate::paths::Paths;
use crate::plan::observed::HostState;
use crate::progress::Progress;
use crate::queue::EventOutcome;
use crate::reconcile::{Ending, Order, reconcile};
use crate::record::{self, Outcome};

/// Guests at a time when no configuration says otherwise.
const DEFAULT_PARALLEL: usize = 4;

/// What became of a guest's events.
#[derive(Debug)]
pub struct Finished {
    pub vmid: Vmid,
    pub outcome: EventOutcome,
    /// Guests that waited for this one, to be looked at again.
    pub wake: BTreeSet<Vmid>,
    /// It waits for a guest that runs: that one may move without any event, so look again by and by.
    pub again: bool,
}

/// How many guests are worked on at a time.
pub fn parallel(paths: &Paths) -> usize {
    phoenix_common::config::load(paths.config_dir()).map_or(DEFAULT_PARALLEL, |config: Config| {
        config.hypervisor.worker_guests_in_parallel
    })
}

/// Reconciles one guest. Every failure ends in the outcome: the worker goes on.
pub async fn work_on(paths: Paths, vmid: Vmid, trigger: String, arrives: bool) -> Finished {
    let finished = |outcome, wake| Finished {
        vmid,
        outcome,
        wake,
        again: false,
    };
    let context = match Context::load_for(&paths, vmid) {
        Ok(context) => context,
        Err(error @ ContextError::UnknownGuest { .. }) => {
            return finished(EventOutcome::Ignored(error.to_string()), BTreeSet::new());
        }
        Err(error) => {
            let text = Chain(&error).to_string();
            tracing::error!(vmid = vmid.get(), "{text}");
            record::refuse(&paths, vmid, &trigger, &text);
            return finished(EventOutcome::Failed(text), BTreeSet::new());
        }
    };
    let order = order(&context, vmid, trigger, arrives);
    match reconcile(&context, &order, &Progress::Journal).await {
        Ok(ending) => Finished {
            vmid,
            outcome: outcome(vmid, &ending),
            wake: wake(&context, vmid, &ending).await,
            again: waits_for_a_running_guest(&context, &ending).await,
        },
        Err(error) => {
            let text = Chain(&error).to_string();
            tracing::error!(vmid = vmid.get(), "{text}");
            finished(EventOutcome::Failed(text), BTreeSet::new())
        }
    }
}

fn order(context: &Context, vmid: Vmid, trigger: String, arrives: bool) -> Order {
    let deadline = Duration::from_secs(context.config.hypervisor.converge_deadline_seconds);
    Order {
        vmid,
        verb: "worker",
        trigger,
        wait_for_others: false,
        arrives,
        deadline,
        // Nobody looks on: a guest that boots slowly may use all of it.
        agent_wait: deadline,
    }
}

fn outcome(vmid: Vmid, ending: &Ending) -> EventOutcome {
    let open = ending.open.join("; ");
    match ending.outcome {
        Outcome::Converged => EventOutcome::Converged,
        // Taken up again by an event of its own when the other guest has moved.
        Outcome::Waiting if !ending.retry => EventOutcome::Ignored(open),
        _ => {
            let text = format!("{open}; to go on: phoenix run {vmid} post-start");
            tracing::error!(vmid = vmid.get(), "{text}");
            EventOutcome::Failed(text)
        }
    }
}

async fn waits_for_a_running_guest(context: &Context, ending: &Ending) -> bool {
    if ending.outcome != Outcome::Waiting || ending.retry {
        return false;
    }
    for vmid in &ending.waits_for {
        if host_state(context, *vmid).await == Observed::Known(HostState::Running) {
            return true;
        }
    }
    false
}

/// Guests whose desired state names this one, if there is news for them: something was done here, or they
/// are known to wait. Only running ones: another gets its own event when it starts.
async fn wake(context: &Context, vmid: Vmid, ending: &Ending) -> BTreeSet<Vmid> {
    let mut wake = BTreeSet::new();
    for dependent in context.config.guests_depending_on(vmid) {
        let waits = record::read(&context.paths, dependent)
            .ok()
            .flatten()
            .is_some_and(|record| record.outcome == Outcome::Waiting);
        let news = ending.actions_done > 0 || (waits && ending.outcome == Outcome::Converged);
        let runs = host_state(context, dependent).await == Observed::Known(HostState::Running);
        if news && runs {
            wake.insert(dependent);
        }
    }
    wake
}
