//! The worker on a node's files, with QEMU's monitor as the only thing that runs.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod node;

use std::process::Child;
use std::time::{Duration, Instant};

use node::Node;
use phoenix_common::vmid::Vmid;
use phoenix_hook::event::{Event, Moment, Trigger};
use phoenix_hook::paths::Paths;
use phoenix_hook::pve::vmlist::Kind;
use phoenix_hook::queue::{EventOutcome, FinishedEvent, Queue};

fn queue(node: &Node) -> Queue {
    Queue::new(&Paths::new(node.path("")))
}

fn finished(node: &Node) -> Vec<FinishedEvent> {
    queue(node).finished().unwrap()
}

fn wait_for(what: &str, mut come: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !come() {
        assert!(begin.elapsed() < Duration::from_secs(30), "no {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn ends(mut worker: Child) {
    wait_for("end of the worker", || worker.try_wait().unwrap().is_some());
    assert!(worker.wait().unwrap().success());
}

/// The reconciles that Phoenix asked for; there is no configuration, so each ends at once.
fn requests(node: &Node) -> usize {
    let of_phoenix = |finished: &&FinishedEvent| finished.event.trigger == Trigger::Reconcile;
    finished(node).iter().filter(of_phoenix).count()
}

#[test]
fn an_event_of_an_earlier_boot_asks_for_the_guests_that_run() {
    let node = Node::new("pve1");
    for vmid in [1002, 1003] {
        node.add_guest(vmid, Kind::Qemu, "pve1", "");
        for number in 0..2 {
            let moment = Moment {
                boot_id: "an earlier one".to_owned(),
                boottime_ns: number,
                unix_ms: number,
            };
            let vmid = Vmid::new(vmid).unwrap();
            let event = Event::new(vmid, Trigger::Reconcile, moment, 1);
            queue(&node).append(&event).unwrap();
        }
    }
    let _monitor = node.monitor(1002, "running");
    ends(node.spawn_verb(&["worker"]));
    let finished = finished(&node);
    let of = |vmid: u32| {
        finished
            .iter()
            .filter(move |seen| seen.event.vmid.get() == vmid)
    };
    assert_eq!(of(1003).count(), 2, "it does not run: {finished:#?}");
    assert_eq!(of(1002).count(), 3, "one reconcile: {finished:#?}");
    assert!(queue(&node).is_empty().unwrap());
}

#[test]
fn a_stop_that_comes_about_is_watched_to_its_end() {
    let node = Node::new("pve1");
    node.add_guest(1002, Kind::Qemu, "pve1", "");
    let monitor = node.monitor(1002, "running");
    node.call("1002", "pre-stop");
    let mut worker = node.spawn_verb(&["worker"]);
    std::thread::sleep(Duration::from_secs(2));
    assert!(worker.try_wait().unwrap().is_none(), "it watches");
    assert_eq!(queue(&node).waiting().unwrap().len(), 1);
    drop(monitor);
    ends(worker);
    let finished = finished(&node);
    assert_eq!(finished.len(), 1);
    assert!(matches!(finished[0].outcome, EventOutcome::Ignored(_)));
}

#[test]
fn a_guest_that_runs_again_after_its_backup_is_reconciled() {
    let node = Node::new("pve1");
    node.add_guest(1002, Kind::Qemu, "pve1", "lock: backup\n");
    let _monitor = node.monitor(1002, "running");
    node.call("1002", "post-start");
    let worker = node.spawn_verb(&["worker"]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(requests(&node), 0, "the backup still holds the guest");
    node.add_guest(1002, Kind::Qemu, "pve1", "");
    ends(worker);
    assert_eq!(requests(&node), 1);
}

#[test]
fn what_the_hookscript_could_not_see_is_looked_at_again() {
    let node = Node::new("pve1");
    node.add_guest(1002, Kind::Qemu, "pve1", "");
    node.add_guest(1003, Kind::Qemu, "pve2", "");
    for vmid in [1002, 1003] {
        let now = phoenix_hook::host::now().unwrap();
        let event = Event::new(Vmid::new(vmid).unwrap(), Trigger::PostStart, now, 1);
        queue(&node).append(&event).unwrap();
    }
    ends(node.spawn_verb(&["worker"]));
    let said = node.verb(&["events"]).stdout;
    let line = |vmid: &str| said.lines().find(|line| line.contains(vmid)).unwrap();
    // A start: it goes as far as the configuration, which is not there.
    assert!(line("1002").contains("file_unreadable"), "{said}");
    assert!(line("1003").contains("node pve2"), "{said}");
}
