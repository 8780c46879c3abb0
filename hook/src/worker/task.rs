//! The work on one guest.

use std::collections::BTreeSet;
use std::time::Duration;

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;

use crate::context::{Context, ContextError};
use crate::estate::Estate;
use crate::observe::host_state;
use crate::paths::Paths;
use crate::plan::observed::HostState;
use crate::progress::Progress;
use crate::queue::EventOutcome;
use crate::reconcile::{Ending, Order, reconcile};
use crate::record::{self, Outcome};
use crate::wake::wake;

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
    let estate = Estate::read(paths);
    estate.context.config.hypervisor.worker_guests_in_parallel
}

/// One guest's turn.
#[derive(Debug)]
pub struct Work {
    pub paths: Paths,
    pub vmid: Vmid,
    /// For the record.
    pub trigger: String,
    /// It is on its way to this node.
    pub arrives: bool,
    /// Something happened to the guest itself, so that those who wait for it have to look again.
    pub happened: bool,
}

/// Reconciles one guest. Every failure ends in the outcome: the worker goes on.
pub async fn work_on(work: Work) -> Finished {
    let Work {
        paths,
        vmid,
        trigger,
        arrives,
        happened,
    } = work;
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
            wake: wake(&context, vmid, &ending, happened).await,
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
        portainer: true,
        only_stack: None,
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
        Outcome::Waiting if !ending.retry => EventOutcome::Waiting(open),
        _ => {
            let text = format!("{open}; to go on: phoenix run {vmid} post-start");
            tracing::error!(vmid = vmid.get(), "{text}");
            EventOutcome::Failed(text)
        }
    }
}

/// The last pause is over: what the guest waits for has not come.
pub fn give_up(paths: &Paths, vmid: Vmid, outcome: EventOutcome) -> EventOutcome {
    let EventOutcome::Waiting(open) = outcome else {
        return outcome;
    };
    let text = format!("{open}; to go on: phoenix run {vmid} post-start");
    tracing::error!(vmid = vmid.get(), "given up waiting: {text}");
    record::give_up(paths, vmid);
    EventOutcome::Failed(text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_waiting_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path());
        let vmid = Vmid::new(1002).unwrap();
        let waiting = EventOutcome::Waiting("waits for guest 1001".to_owned());
        let EventOutcome::Failed(text) = give_up(&paths, vmid, waiting) else {
            panic!("still waiting");
        };
        assert_eq!(
            text,
            "waits for guest 1001; to go on: phoenix run 1002 post-start"
        );
        let converged = give_up(&paths, vmid, EventOutcome::Converged);
        assert_eq!(converged, EventOutcome::Converged);
    }
}
