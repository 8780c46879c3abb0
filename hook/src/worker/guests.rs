//! Which guest has events waiting and which is being worked on. Pure bookkeeping.
//!
//! Events of one guest are coalesced: the newest wins, a stop ends the work; guests are independent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use phoenix_common::vmid::Vmid;

use crate::event::{Class, Event, Trigger};

/// Events that one reconcile will answer together, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub events: Vec<Event>,
    pub arrives: bool,
    /// How often it was tried without another guest having moved.
    pub tries: usize,
    /// Not tried again before this moment.
    pub not_before: Option<Instant>,
}

#[derive(Debug, Default)]
pub struct Guests {
    waiting: BTreeMap<Vmid, Batch>,
    running: BTreeMap<Vmid, Batch>,
    known: BTreeSet<String>,
}

impl Batch {
    /// Whether something happened to the guest itself, not only to others.
    pub fn has_news(&self) -> bool {
        self.events.iter().any(|event| {
            matches!(
                event.class(),
                Class::Start | Class::OldState | Class::Arrival { .. }
            )
        })
    }

    /// Phoenix's own request does not say that a guest that was on its way has arrived.
    fn still_arrives(&self, newer: &Event, arrives: bool) -> bool {
        arrives || (self.arrives && newer.trigger == Trigger::Reconcile)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|moment| moment <= now)
    }
}

impl Guests {
    /// Whether the event was handed over before.
    pub fn knows(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    /// Whether the guest is awaited from another node.
    pub fn arrives(&self, vmid: Vmid) -> bool {
        let batches = [self.running.get(&vmid), self.waiting.get(&vmid)];
        batches.into_iter().flatten().any(|batch| batch.arrives)
    }

    /// An event that asks for a reconcile, after the one that may be running.
    pub fn add(&mut self, event: Event, arrives: bool) {
        self.known.insert(event.id.clone());
        let batch = self.waiting.entry(event.vmid).or_default();
        batch.not_before = None;
        batch.arrives = batch.still_arrives(&event, arrives);
        batch.events.push(event);
    }

    /// A stop: what waited and what runs for the guest, now without purpose.
    pub fn cancel(&mut self, vmid: Vmid) -> Batch {
        let mut all = self.running.remove(&vmid).unwrap_or_default();
        let waiting = self.waiting.remove(&vmid).unwrap_or_default();
        all.events.extend(waiting.events);
        for event in &all.events {
            self.known.remove(&event.id);
        }
        all
    }

    /// Puts a batch that was being worked on back, to be tried again from `until` on, or with the next event.
    pub fn postpone(&mut self, vmid: Vmid, until: Instant) {
        let Some(batch) = self.running.remove(&vmid) else {
            return;
        };
        let newer = self.waiting.remove(&vmid);
        let mut again = Batch {
            tries: batch.tries + 1,
            not_before: Some(until),
            ..batch
        };
        if let Some(newer) = newer {
            again.not_before = newer.not_before;
            for event in newer.events {
                again.arrives = again.still_arrives(&event, newer.arrives);
                again.events.push(event);
            }
        }
        self.waiting.insert(vmid, again);
    }

    /// Takes the next guest that waits and is not being worked on, if fewer than `limit` are.
    pub fn start_next(&mut self, limit: usize, now: Instant) -> Option<(Vmid, Batch)> {
        if self.running.len() >= limit.max(1) {
            return None;
        }
        let oldest = |batch: &Batch| batch.events.first().map(|event| event.moment.boottime_ns);
        let (vmid, _) = self
            .waiting
            .iter()
            .filter(|(vmid, batch)| !self.running.contains_key(vmid) && batch.is_due(now))
            .min_by_key(|(_, batch)| oldest(batch))?;
        let vmid = *vmid;
        let batch = self.waiting.remove(&vmid)?;
        self.running.insert(vmid, batch.clone());
        Some((vmid, batch))
    }

    /// How often the batch that is being worked on was tried before.
    pub fn tries(&self, vmid: Vmid) -> usize {
        self.running.get(&vmid).map_or(0, |batch| batch.tries)
    }

    /// The work on a guest has ended; its events.
    pub fn finish(&mut self, vmid: Vmid) -> Batch {
        let batch = self.running.remove(&vmid).unwrap_or_default();
        for event in &batch.events {
            self.known.remove(&event.id);
        }
        batch
    }

    /// Whether a guest waits that could be worked on now.
    pub fn anyone_waits(&self, now: Instant) -> bool {
        self.waiting
            .iter()
            .any(|(vmid, batch)| !self.running.contains_key(vmid) && batch.is_due(now))
    }

    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Moment, Trigger};

    fn event(vmid: u32, boottime_ns: u64) -> Event {
        let moment = Moment {
            boot_id: "b".to_owned(),
            boottime_ns,
            unix_ms: 0,
        };
        Event::new(Vmid::new(vmid).unwrap(), Trigger::PostStart, moment, 1)
    }

    fn now() -> Instant {
        Instant::now()
    }

    fn ids(batch: &Batch) -> Vec<u64> {
        batch
            .events
            .iter()
            .map(|event| event.moment.boottime_ns)
            .collect()
    }

    #[test]
    fn events_of_a_guest_are_one_batch_and_a_late_one_waits_its_turn() {
        let mut guests = Guests::default();
        guests.add(event(1002, 1), false);
        guests.add(event(1002, 2), false);
        let (vmid, batch) = guests.start_next(4, now()).unwrap();
        assert_eq!(ids(&batch), [1, 2]);
        let late = event(1002, 3);
        assert!(!guests.knows(&late.id));
        guests.add(late.clone(), false);
        assert!(guests.knows(&late.id));
        assert!(guests.start_next(4, now()).is_none(), "one run per guest");
        assert_eq!(ids(&guests.finish(vmid)), [1, 2]);
        assert_eq!(ids(&guests.start_next(4, now()).unwrap().1), [3]);
    }

    #[test]
    fn guests_run_side_by_side_up_to_the_limit_oldest_first() {
        let mut guests = Guests::default();
        guests.add(event(1001, 9), false);
        guests.add(event(1002, 5), false);
        guests.add(event(1003, 7), false);
        let mut started = || guests.start_next(2, now()).map(|(vmid, _)| vmid.get());
        assert_eq!(
            [started(), started(), started()],
            [Some(1002), Some(1003), None]
        );
    }

    #[test]
    fn a_stop_takes_everything_of_its_guest() {
        let mut guests = Guests::default();
        guests.add(event(1002, 1), false);
        guests.start_next(1, now());
        guests.add(event(1002, 2), false);
        guests.add(event(1001, 3), false);
        assert_eq!(ids(&guests.cancel(Vmid::new(1002).unwrap())), [1, 2]);
        assert!(!guests.is_idle());
        guests.start_next(1, now());
        guests.finish(Vmid::new(1001).unwrap());
        assert!(guests.is_idle());
    }

    #[test]
    fn a_postponed_batch_waits_for_its_moment_or_the_next_event() {
        let mut guests = Guests::default();
        guests.add(event(1002, 1), false);
        let (vmid, _) = guests.start_next(1, now()).unwrap();
        let until = now() + std::time::Duration::from_mins(1);
        guests.postpone(vmid, until);
        assert!(!guests.is_idle() && !guests.anyone_waits(now()));
        assert_eq!(guests.start_next(1, until).unwrap().1.tries, 1);
        guests.postpone(vmid, until);
        guests.add(event(1002, 2), false);
        let (_, batch) = guests.start_next(1, now()).unwrap();
        assert_eq!((ids(&batch), batch.tries), (vec![1, 2], 2));
    }
    #[test]
    fn a_request_does_not_end_the_wait_for_a_guest_on_its_way() {
        let mut guests = Guests::default();
        let vmid = Vmid::new(1002).unwrap();
        let mut request = event(1002, 2);
        request.trigger = Trigger::Reconcile;
        guests.add(event(1002, 1), true);
        guests.add(request.clone(), false);
        assert!(guests.arrives(vmid));
        assert!(guests.start_next(1, now()).unwrap().1.arrives);
        guests.add(request, false);
        guests.postpone(vmid, now());
        assert!(guests.start_next(1, now()).unwrap().1.arrives);
        guests.add(event(1002, 3), false);
        guests.postpone(vmid, now());
        assert!(!guests.arrives(vmid), "a real start says that it is here");
    }
}
