//! The command line as an operator meets it: verbs, mistakes, exit codes, what `events` shows.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod node;

use node::Node;
use phoenix_hook::paths::Paths;
use phoenix_hook::pve::vmlist::Kind;
use phoenix_hook::queue::{EventOutcome, Queue};
use serde_json::Value;

#[test]
fn mistakes_end_with_2_on_stderr_and_help_with_0_on_stdout() {
    let node = Node::new("pve1");
    for arguments in [
        &[][..],
        &["no-such-verb"],
        &["events", "--no-such-option"],
        &["events", "99"],
        &["1002"],
        &["1002", "post-start", "more"],
        &["run", "1002", "no-such-phase"],
    ] {
        let call = node.verb(arguments);
        assert_eq!(call.exit, Some(2), "{arguments:?}: {}", call.stderr);
        assert!(
            call.stdout.is_empty() && !call.stderr.is_empty(),
            "{arguments:?}"
        );
    }
    for arguments in [&["--help"][..], &["--version"], &["events", "--help"]] {
        let call = node.verb(arguments);
        assert_eq!((call.exit, &*call.stderr), (Some(0), ""), "{arguments:?}");
        assert!(!call.stdout.is_empty());
    }
    assert_eq!(node.event_count(), 0);
}

#[test]
fn events_shows_what_waits_and_what_became_of_the_rest() {
    let node = Node::new("pve1");
    node.add_guest(1002, Kind::Qemu, "pve1", "lock: backup\n");
    let empty = node.verb(&["events"]);
    assert_eq!(empty.exit, Some(0));
    assert!(empty.stdout.contains("no events yet"), "{}", empty.stdout);

    node.call("1002", "post-start");
    let queue = Queue::new(&Paths::new(node.path("")));
    queue.take_all().unwrap();
    let event = queue.pending(|_| false).unwrap().events.remove(0);
    let why = "QEMU \u{1b}[2Jis paused".to_owned();
    queue.finish(&event, &EventOutcome::Ignored(why)).unwrap();
    node.call("1003", "pre-stop");

    let shown = node.verb(&["events"]).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(
        lines[1].contains("1002") && lines[1].contains("start for a backup"),
        "{shown}"
    );
    assert!(
        lines[1].contains("nothing to do: QEMU \\u{1b}[2Jis paused"),
        "{shown}"
    );
    assert!(
        lines[2].contains("1003") && lines[2].contains("pending"),
        "{shown}"
    );

    let one = node.verb(&["events", "1002", "--json"]);
    let shown: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(shown["schema_version"], 1);
    let rows = &shown["events"];
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!(rows[0]["event"]["id"], event.id.as_str());
    assert_eq!(rows[0]["outcome"]["result"], "ignored");
    let newest = node.verb(&["events", "-n", "1"]).stdout;
    assert!(
        newest.contains("1003") && !newest.contains("1002"),
        "{newest}"
    );
}

#[test]
fn an_event_is_replayed_by_what_it_means() {
    let node = Node::new("pve1");
    node.add_guest(1002, Kind::Qemu, "pve1", "lock: backup\n");
    node.add_guest(1003, Kind::Qemu, "pve1", "");
    for (vmid, phase) in [
        ("1002", "post-start"),
        ("1002", "pre-stop"),
        ("1003", "post-start"),
    ] {
        node.call(vmid, phase);
    }
    let queue = Queue::new(&Paths::new(node.path("")));
    let events = queue.waiting().unwrap();
    let backup = node.verb(&["replay", &events[0].id]);
    assert_eq!(backup.exit, Some(0), "{}", backup.stderr);
    assert!(
        backup.stdout.contains("nothing to do: a backup"),
        "{}",
        backup.stdout
    );
    // A real start is reconciled: here it ends with the missing configuration.
    let start = node.verb(&["replay", &events[2].id]);
    assert_eq!(start.exit, Some(2), "{}", start.stderr);
    assert_eq!(start.stdout, "1003 post-start: start\n");
    for wrong in ["4711", "0"] {
        let call = node.verb(&["replay", wrong]);
        assert_eq!((call.exit, &*call.stdout), (Some(2), ""), "{}", call.stderr);
    }
    assert_eq!(queue.waiting().unwrap(), events, "replaying moves nothing");
}
