//! Whom a run on one guest concerns afterwards.

use std::collections::BTreeSet;

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::SwarmRole;

use crate::context::Context;
use crate::observe::host_state;
use crate::plan::observed::HostState;
use crate::queue::{Queue, QueueError};
use crate::reconcile::Ending;
use crate::record::{self, Outcome};

/// The guests whose desired state names this one and that have to be looked at again. `happened`: the guest was
/// started, came to this node, or somebody asked by hand. Only running ones: another gets its own event when it
/// starts.
pub async fn wake(
    context: &Context,
    vmid: Vmid,
    ending: &Ending,
    happened: bool,
) -> BTreeSet<Vmid> {
    let mut wake = BTreeSet::new();
    let guest = context.config.guests.get(&vmid);
    let member = guest.and_then(|guest| guest.swarm.as_ref());
    // A manager that starts may have been rolled back, and then its cluster does not know who joined since.
    let manages = member.is_some_and(|member| member.role == SwarmRole::Manager);
    for dependent in context.config.guests_depending_on(vmid) {
        let record = record::read(&context.paths, dependent).ok().flatten();
        let last = record.map(|record| record.outcome);
        if (is_news(ending, happened, last) || (happened && manages))
            && host_state(context, dependent).await == Observed::Known(HostState::Running)
        {
            wake.insert(dependent);
        }
    }
    wake
}

/// Queues a request for each of them.
///
/// # Errors
/// The queue cannot be written.
pub fn request(queue: &Queue, dependents: &BTreeSet<Vmid>, moved: Vmid) -> Result<(), QueueError> {
    for dependent in dependents {
        queue.request(*dependent, &format!("guest {moved} has moved on"))?;
    }
    Ok(())
}

/// Whether a dependent whose last run ended so has to know. Two guests that wait for each other must not wake each
/// other for ever: a run that a request began, did nothing and waits itself is no news.
fn is_news(ending: &Ending, happened: bool, dependents_last: Option<Outcome>) -> bool {
    let waits = dependents_last == Some(Outcome::Waiting);
    // Waited for too long, and given up.
    let failed = dependents_last == Some(Outcome::Failed);
    let came_to_an_end = matches!(
        ending.outcome,
        Outcome::Converged | Outcome::Blocked | Outcome::Failed
    );
    ending.actions_done > 0 || (waits && (came_to_an_end || happened)) || (failed && happened)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(outcome: Outcome, actions_done: usize) -> Ending {
        Ending {
            outcome,
            open: Vec::new(),
            retry: false,
            refused: false,
            waits_for: Vec::new(),
            actions_done,
            actions_tried: actions_done,
        }
    }

    #[test]
    fn who_waits_hears_how_the_other_ended() {
        let waits = Some(Outcome::Waiting);
        for outcome in [Outcome::Converged, Outcome::Blocked, Outcome::Failed] {
            assert!(is_news(&ending(outcome, 0), false, waits), "{outcome:?}");
        }
        assert!(!is_news(&ending(Outcome::Waiting, 0), false, waits));
        assert!(is_news(&ending(Outcome::Waiting, 1), false, waits));
        // A second candidate has started with everything in place, and waits itself.
        assert!(is_news(&ending(Outcome::Waiting, 0), true, waits));
    }

    #[test]
    fn who_does_not_wait_hears_of_changes_only() {
        for last in [None, Some(Outcome::Converged), Some(Outcome::Blocked)] {
            assert!(!is_news(&ending(Outcome::Converged, 0), true, last));
            assert!(is_news(&ending(Outcome::Converged, 2), false, last));
        }
    }

    #[test]
    fn who_gave_up_waiting_hears_of_a_start_and_not_of_another_request() {
        let failed = Some(Outcome::Failed);
        assert!(is_news(&ending(Outcome::Converged, 0), true, failed));
        assert!(!is_news(&ending(Outcome::Failed, 0), false, failed));
    }
}
