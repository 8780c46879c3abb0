//! Guests that may go on without any event: one that was to be stopped and was not, one that a backup started
//! paused. Pure bookkeeping; the worker looks.
//!
//! The event stays in `work/` as long as its guest is watched, so the next worker watches on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;

use crate::event::Event;
use crate::plan::observed::HostState;

const LOOK: Duration = Duration::from_secs(5);

/// Why a guest is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its stop was announced, and may not come about.
    Stop,
    /// A backup started it; when the backup is over it runs, or is off again.
    Backup,
}

impl Cause {
    /// How long after the event it is watched. Proxmox gives a guest up to ten minutes to shut down (`startup: down=`
    /// is rarely more); a backup may take a day.
    fn patience(self) -> Duration {
        match self {
            Self::Stop => Duration::from_mins(15),
            Self::Backup => Duration::from_hours(24),
        }
    }
}

#[derive(Debug)]
struct Watch {
    event: Event,
    cause: Cause,
    next_look: Instant,
    until: Instant,
}

/// What a look means.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look again, or nothing is watched any more.
    Wait,
    /// It runs and nobody works on it: ask for a reconcile, then the event is finished.
    Request { event: Event, reason: &'static str },
    /// It is off, or was not seen to run: the event is finished.
    Drop(Event),
}

/// Guests that are watched, at most once each.
#[derive(Debug, Default)]
pub struct Watches(BTreeMap<Vmid, Watch>);

impl Watches {
    /// Watches the event's guest; `age` is how long ago the event was. Gives the event that it replaces.
    pub fn begin(
        &mut self,
        event: Event,
        cause: Cause,
        age: Duration,
        now: Instant,
    ) -> Option<Event> {
        let watch = Watch {
            cause,
            next_look: now + LOOK,
            until: now + cause.patience().saturating_sub(age),
            event,
        };
        let former = self.0.insert(watch.event.vmid, watch);
        former.map(|watch| watch.event)
    }

    /// Something happened to the guest: what was watched for has come, or never will.
    pub fn end(&mut self, vmid: Vmid) -> Option<Event> {
        self.0.remove(&vmid).map(|watch| watch.event)
    }

    pub fn knows(&self, id: &str) -> bool {
        self.0.values().any(|watch| watch.event.id == id)
    }

    /// Whether the guest's stop is under way, as far as anybody knows.
    pub fn stops(&self, vmid: Vmid) -> bool {
        let watch = self.0.get(&vmid);
        watch.is_some_and(|watch| watch.cause == Cause::Stop)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The guests to look at now; they count as looked at.
    pub fn due(&mut self, now: Instant) -> BTreeSet<Vmid> {
        let due = self
            .0
            .iter_mut()
            .filter(|(_, watch)| watch.next_look <= now);
        due.map(|(vmid, watch)| {
            watch.next_look = now + LOOK;
            *vmid
        })
        .collect()
    }

    /// What follows from the guest's state.
    pub fn seen(&mut self, vmid: Vmid, state: &Observed<HostState>, now: Instant) -> Verdict {
        let Some(watch) = self.0.get(&vmid) else {
            return Verdict::Wait;
        };
        let (over, cause) = (watch.until <= now, watch.cause);
        let gone = matches!(
            state,
            Observed::Known(HostState::Stopped | HostState::Absent | HostState::OtherNode(_))
        );
        let runs = *state == Observed::Known(HostState::Running);
        let reason = match cause {
            // While Proxmox still tries to stop it, it runs too.
            Cause::Stop if runs && over => Some("it was to be stopped and still runs"),
            Cause::Backup if runs => Some("it runs again after a backup"),
            _ => None,
        };
        if reason.is_none() && !gone && !over {
            return Verdict::Wait;
        }
        match (self.end(vmid), reason) {
            (Some(event), Some(reason)) => Verdict::Request { event, reason },
            (Some(event), None) => Verdict::Drop(event),
            (None, _) => Verdict::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Trigger;
    use crate::event::tests::event;

    const RUNNING: Observed<HostState> = Observed::Known(HostState::Running);

    fn vmid() -> Vmid {
        Vmid::new(1002).unwrap()
    }

    fn watching(cause: Cause, now: Instant) -> Watches {
        let mut watches = Watches::default();
        let event = event(Trigger::PreStop);
        assert_eq!(watches.begin(event, cause, Duration::ZERO, now), None);
        watches
    }

    #[test]
    fn a_stop_that_does_not_come_about_asks_for_a_reconcile_later() {
        let now = Instant::now();
        let mut watches = watching(Cause::Stop, now);
        assert!(watches.due(now).is_empty());
        assert_eq!(watches.due(now + LOOK), BTreeSet::from([vmid()]));
        assert!(watches.due(now + LOOK).is_empty(), "looked at already");
        assert_eq!(watches.seen(vmid(), &RUNNING, now + LOOK), Verdict::Wait);
        let later = now + Duration::from_mins(15);
        let verdict = watches.seen(vmid(), &RUNNING, later);
        assert!(matches!(verdict, Verdict::Request { .. }), "{verdict:?}");
        assert!(watches.is_empty());
    }

    #[test]
    fn the_next_worker_waits_only_for_the_rest() {
        let now = Instant::now();
        let mut watches = Watches::default();
        let age = Duration::from_mins(15);
        watches.begin(event(Trigger::PreStop), Cause::Stop, age, now);
        assert!(watches.knows(&event(Trigger::PreStop).id));
        let verdict = watches.seen(vmid(), &RUNNING, now);
        assert!(matches!(verdict, Verdict::Request { .. }), "{verdict:?}");
    }

    #[test]
    fn a_guest_that_is_off_is_dropped_quietly() {
        let now = Instant::now();
        for cause in [Cause::Stop, Cause::Backup] {
            let mut watches = watching(cause, now);
            let stopped = Observed::Known(HostState::Stopped);
            let dropped = Verdict::Drop(event(Trigger::PreStop));
            assert_eq!(watches.seen(vmid(), &stopped, now), dropped);
        }
    }

    #[test]
    fn a_backup_lets_its_guest_run_again_or_not() {
        let now = Instant::now();
        let mut watches = watching(Cause::Backup, now);
        for state in [
            Observed::Known(HostState::Locked("backup".to_owned())),
            Observed::Known(HostState::NotRunning("prelaunch".to_owned())),
            Observed::unknown("no answer"),
        ] {
            assert_eq!(watches.seen(vmid(), &state, now), Verdict::Wait);
        }
        let verdict = watches.seen(vmid(), &RUNNING, now);
        assert!(matches!(verdict, Verdict::Request { .. }), "{verdict:?}");
    }
}
