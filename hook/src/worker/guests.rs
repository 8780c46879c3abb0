//! Which guest has events waiting and which is being worked on. Pure bookkeeping.
//!
//! Events of one guest are coalesced: the newest wins, a stop ends the work; guests are independent.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_common::vmid::Vmid;

use crate::event::Event;

/// Events that one reconcile will answer together, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub events: Vec<Event>,
    pub arrives: bool,
}

#[derive(Debug, Default)]
pub struct Guests {
    waiting: BTreeMap<Vmid, Batch>,
    running: BTreeMap<Vmid, Batch>,
    known: BTreeSet<String>,
}

impl Guests {
    /// Whether the event was not handed over before.
    pub fn is_new(&self, event: &Event) -> bool {
        !self.known.contains(&event.id)
    }

    /// An event that asks for a reconcile, after the one that may be running.
    pub fn add(&mut self, event: Event, arrives: bool) {
        self.known.insert(event.id.clone());
        let batch = self.waiting.entry(event.vmid).or_default();
        batch.events.push(event);
        batch.arrives = arrives;
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

    /// Takes the next guest that waits and is not being worked on, if fewer than `limit` are.
    pub fn start_next(&mut self, limit: usize) -> Option<(Vmid, Batch)> {
        if self.running.len() >= limit.max(1) {
            return None;
        }
        let oldest = |batch: &Batch| batch.events.first().map(|event| event.moment.boottime_ns);
        let (vmid, _) = self
            .waiting
            .iter()
            .filter(|(vmid, _)| !self.running.contains_key(vmid))
            .min_by_key(|(_, batch)| oldest(batch))?;
        let vmid = *vmid;
        let batch = self.waiting.remove(&vmid)?;
        self.running.insert(vmid, batch.clone());
        Some((vmid, batch))
    }

    /// The work on a guest has ended; its events.
    pub fn finish(&mut self, vmid: Vmid) -> Batch {
        let batch = self.running.remove(&vmid).unwrap_or_default();
        for event in &batch.events {
            self.known.remove(&event.id);
        }
        batch
    }

    /// Whether a guest waits that is not being worked on.
    pub fn anyone_waits(&self) -> bool {
        self.waiting
            .keys()
            .any(|vmid| !self.running.contains_key(vmid))
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
        let (vmid, batch) = guests.start_next(4).unwrap();
        assert_eq!(ids(&batch), [1, 2]);
        let late = event(1002, 3);
        assert!(guests.is_new(&late));
        guests.add(late.clone(), false);
        assert!(!guests.is_new(&late));
        assert!(guests.start_next(4).is_none(), "one run per guest");
        assert_eq!(ids(&guests.finish(vmid)), [1, 2]);
        assert_eq!(ids(&guests.start_next(4).unwrap().1), [3]);
    }

    #[test]
    fn guests_run_side_by_side_up_to_the_limit_oldest_first() {
        let mut guests = Guests::default();
        guests.add(event(1001, 9), false);
        guests.add(event(1002, 5), false);
        guests.add(event(1003, 7), false);
        let mut started = || guests.start_next(2).map(|(vmid, _)| vmid.get());
        assert_eq!(
            [started(), started(), started()],
            [Some(1002), Some(1003), None]
        );
    }

    #[test]
    fn a_stop_takes_everything_of_its_guest() {
        let mut guests = Guests::default();
        guests.add(event(1002, 1), false);
        guests.start_next(1);
        guests.add(event(1002, 2), false);
        guests.add(event(1001, 3), false);
        assert_eq!(ids(&guests.cancel(Vmid::new(1002).unwrap())), [1, 2]);
        assert!(!guests.is_idle());
        guests.start_next(1);
        guests.finish(Vmid::new(1001).unwrap());
        assert!(guests.is_idle());
    }
}
