use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::event::Trigger;
use crate::event::tests::event;

struct Lab {
    folder: tempfile::TempDir,
    queue: Queue,
}

fn lab() -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::new(&Paths::new(folder.path()));
    Lab { folder, queue }
}

impl Lab {
    fn pending(&self) -> Vec<Event> {
        let pending = self.queue.pending(|_| false).unwrap();
        assert!(pending.unreadable.is_empty());
        pending.events
    }

    fn names(&self, folder: &str) -> Vec<std::ffi::OsString> {
        list(&self.folder.path().join("var/lib/phoenix").join(folder)).unwrap()
    }
}

fn numbered(number: u64) -> Event {
    let mut event = event(Trigger::PostStart);
    event.moment.boottime_ns = number;
    event.moment.unix_ms = number;
    event.id = format!("{number:020}-1002-post-start-7");
    event
}

#[test]
fn events_go_through_in_order_and_end_in_the_recorder() {
    let lab = lab();
    for number in [3, 20, 100] {
        lab.queue.append(&numbered(number)).unwrap();
    }
    assert!(lab.names("tmp").is_empty());
    assert!(!lab.queue.is_empty().unwrap());
    assert_eq!(lab.queue.take_all().unwrap(), 3);
    assert_eq!(lab.queue.take_all().unwrap(), 0);
    let pending = lab.pending();
    assert_eq!(pending, [numbered(3), numbered(20), numbered(100)]);
    for event in &pending {
        lab.queue.finish(event, &EventOutcome::Converged).unwrap();
        lab.queue.finish(event, &EventOutcome::Converged).unwrap();
    }
    assert!(lab.queue.is_empty().unwrap());
    let finished = lab.queue.finished().unwrap();
    assert_eq!(finished.len(), 3);
    assert_eq!(finished[0].outcome, EventOutcome::Converged);
}

#[test]
fn what_is_no_event_is_put_aside() {
    let lab = lab();
    lab.queue.append(&numbered(1)).unwrap();
    let queue = lab.folder.path().join("var/lib/phoenix/queue");
    fs::write(queue.join("garbage.json"), b"{").unwrap();
    fs::write(queue.join("large.json"), vec![b' '; 70_000]).unwrap();
    fs::create_dir(queue.join("folder")).unwrap();
    fs::copy(
        queue.join(file_name(&numbered(1).id)),
        queue.join("0-other-name.json"),
    )
    .unwrap();
    let mut newer = serde_json::to_value(numbered(2)).unwrap();
    newer["version"] = 99.into();
    fs::write(queue.join(file_name(&numbered(2).id)), newer.to_string()).unwrap();
    lab.queue.take_all().unwrap();
    assert_eq!(lab.pending(), [numbered(1)]);
    assert_eq!(lab.pending(), [numbered(1)]);
    assert_eq!(lab.names("rejected").len(), 5);
    assert_eq!(lab.names("work").len(), 1);
}

#[test]
fn a_failed_append_leaves_nothing_behind() {
    let lab = lab();
    lab.queue.append(&numbered(1)).unwrap();
    let queue = lab.folder.path().join("var/lib/phoenix/queue");
    fs::remove_dir_all(&queue).unwrap();
    fs::write(&queue, b"in the way").unwrap();
    let error = lab.queue.append(&numbered(2)).unwrap_err();
    assert!(matches!(error, QueueError::Move { .. }), "{error}");
    assert!(lab.names("tmp").is_empty());
}

#[test]
fn the_queue_is_roots_alone() {
    let lab = lab();
    lab.queue.append(&numbered(1)).unwrap();
    let queue = lab.folder.path().join("var/lib/phoenix/queue");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&queue), 0o700);
    assert_eq!(mode(&queue.join(file_name(&numbered(1).id))), 0o600);
}

#[test]
fn phoenix_itself_can_ask_for_a_reconcile() {
    let lab = lab();
    let vmid = Vmid::new(1003).unwrap();
    let asked = lab
        .queue
        .request(vmid, "manager 1001 has converged")
        .unwrap();
    assert_eq!(asked.class(), crate::event::Class::Requested);
    let waiting = lab.queue.waiting().unwrap();
    let vmids: Vec<Vmid> = waiting.iter().map(|event| event.vmid).collect();
    assert_eq!(vmids, [vmid]);
    lab.queue.take_all().unwrap();
    assert_eq!(lab.pending(), [asked]);
}

#[test]
fn garbage_of_equal_names_does_not_stop_the_worker() {
    let lab = lab();
    lab.queue.prepare().unwrap();
    let state = lab.folder.path().join("var/lib/phoenix");
    for folder in ["queue", "work", "rejected", "queue"] {
        let folder = state.join(folder).join("folder");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), b"").unwrap();
    }
    for _ in 0..3 {
        lab.queue.take_all().unwrap();
        assert_eq!(lab.pending(), []);
    }
    assert!(lab.queue.is_empty().unwrap());
    assert_eq!(lab.names("rejected"), ["folder", "folder~1", "folder~2"]);
}

#[test]
fn a_recorder_that_fails_does_not_hold_the_event() {
    let lab = lab();
    lab.queue.append(&numbered(1)).unwrap();
    lab.queue.take_all().unwrap();
    let events = lab.folder.path().join("var/lib/phoenix/events");
    fs::remove_dir_all(&events).unwrap();
    fs::write(&events, b"in the way").unwrap();
    lab.queue
        .finish(&numbered(1), &EventOutcome::Converged)
        .unwrap();
    assert!(lab.queue.is_empty().unwrap());
}

#[test]
fn what_a_killed_hookscript_left_is_removed_later() {
    let lab = lab();
    lab.queue.prepare().unwrap();
    let half = |name: &str| lab.folder.path().join("var/lib/phoenix/tmp").join(name);
    for (name, hours) in [("old.json", 2), ("new.json", 0)] {
        let file = fs::File::create(half(name)).unwrap();
        let written = std::time::SystemTime::now() - Duration::from_hours(hours);
        file.set_modified(written).unwrap();
    }
    lab.queue.prepare().unwrap();
    assert_eq!(lab.names("tmp"), ["new.json"]);
}

#[test]
fn a_removed_folder_costs_no_event() {
    let lab = lab();
    let state = lab.folder.path().join("var/lib/phoenix");
    for (number, folder) in ["tmp", "queue", "work"].into_iter().enumerate() {
        lab.queue.prepare().unwrap();
        fs::remove_dir_all(state.join(folder)).unwrap();
        let event = numbered(number as u64);
        lab.queue.append(&event).unwrap();
        assert_eq!(lab.queue.take_all().unwrap(), 1, "{folder}");
        assert!(lab.pending().contains(&event), "{folder}");
    }
}

#[test]
fn what_cannot_be_read_just_now_stays() {
    let lab = lab();
    lab.queue.append(&numbered(1)).unwrap();
    lab.queue.take_all().unwrap();
    let work = lab.folder.path().join("var/lib/phoenix/work");
    // Root may read everything; a loop of links it cannot follow.
    std::os::unix::fs::symlink("loop.json", work.join("loop.json")).unwrap();
    let pending = lab.queue.pending(|_| false).unwrap();
    assert_eq!(pending.events, [numbered(1)]);
    assert_eq!(pending.unreadable.len(), 1);
    assert_eq!(lab.names("work").len(), 2);
    assert!(lab.names("rejected").is_empty());
}

#[test]
fn known_events_are_not_read_again() {
    let lab = lab();
    lab.queue.append(&numbered(1)).unwrap();
    lab.queue.append(&numbered(2)).unwrap();
    lab.queue.take_all().unwrap();
    let known = numbered(1).id;
    let pending = lab.queue.pending(|id| id == known).unwrap();
    assert_eq!(pending.events, [numbered(2)]);
}

#[test]
fn a_finished_event_of_version_1_is_still_read() {
    let text = include_str!("../../tests/fixtures/finished/version-1.json");
    let read: FinishedEvent = serde_json::from_str(text).unwrap();
    assert_eq!(read.version, 1);
    let why = "no answer; to go on: phoenix run 1002 post-start".to_owned();
    assert_eq!(read.outcome, EventOutcome::Failed(why));
    let written = serde_json::to_value(&read).unwrap();
    let kept: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(written, kept);
}
