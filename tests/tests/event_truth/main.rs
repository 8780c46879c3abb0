//! Every event of Proxmox that calls a hookscript, and those that call none: on the fake node, through the hook
//! runner, the real package, its path unit and worker. Only what should act acts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: its panic is its report"
)]

mod bench;
mod rows;

use std::collections::BTreeMap;

use bench::{Bench, Seen};
use rows::{Before, ROWS, Row};

/// The first guest of the table.
const FIRST: u32 = 1101;

fn guests() -> impl Iterator<Item = (u32, &'static Row)> {
    (FIRST..).zip(ROWS)
}

#[test]
fn only_what_should_act_acts() {
    let vmids: Vec<u32> = guests().map(|(vmid, _)| vmid).collect();
    let Some(bench) = Bench::up(&vmids, &[]) else {
        return;
    };
    for (vmid, row) in guests() {
        bench.prepare(vmid, row);
    }
    bench.wait_settled(|_| 0);
    let before: BTreeMap<u32, Seen> = vmids
        .iter()
        .map(|vmid| (*vmid, bench.seen(*vmid)))
        .collect();
    for (vmid, row) in guests() {
        (row.play)(&bench, vmid);
    }
    bench.wait_settled(|vmid| {
        guests()
            .find(|(own, _)| *own == vmid)
            .map_or(0, |(_, row)| row.watched)
    });
    let mut wrong = Vec::new();
    for (vmid, row) in guests() {
        let (was, is) = (&before[&vmid], bench.seen(vmid));
        let (calls, acted) = (is.calls_since(was), is.questions > was.questions);
        let classes = is.classes_since(was);
        println!(
            "{vmid} {:44} {calls:?} {classes:?} acted: {acted}",
            row.event
        );
        if calls != row.calls {
            wrong.push(format!(
                "{}: hook calls {calls:?} for {:?}",
                row.event, row.calls
            ));
        }
        if acted != row.acts {
            wrong.push(format!(
                "{}: acted: {acted}, expected {}",
                row.event, row.acts
            ));
        }
        let called_off = classes.iter().any(|class| class.starts_with("migration"))
            && was_only_awaited(&is.record);
        if !row.acts && !called_off && is.record != was.record {
            wrong.push(format!("{}: the record changed: {}", row.event, is.record));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    bench.unit_is_active();
}

/// The worker may have begun to wait for a guest that migrates here before the migration was given up: then its record
/// says just that, and no step of anything.
fn was_only_awaited(record: &serde_json::Value) -> bool {
    record["outcome"] == "interrupted" && record["steps"] == serde_json::json!([])
}

#[test]
fn the_nodes_shutdown_acts_on_nobody() {
    let Some(bench) = Bench::up(&[1101, 1102], &[]) else {
        return;
    };
    for vmid in [1101, 1102] {
        bench.prepare(vmid, &ROWS[1]);
    }
    bench.wait_settled(|_| 0);
    let before = [1101, 1102].map(|vmid| bench.seen(vmid));
    bench.node(&["pvesh", "create", "/nodes/pve1/stopall"]);
    bench.wait_settled(|_| 0);
    for (vmid, was) in [1101, 1102].into_iter().zip(before) {
        let is = bench.seen(vmid);
        assert_eq!(is.calls_since(&was), ["pre-stop", "post-stop"]);
        assert_eq!(is.questions, was.questions);
    }
}

/// A real guest this time: what could have changed is looked at from outside.
#[test]
fn the_nightly_backup_of_a_stopped_guest_leaves_no_trace() {
    const REAL: u32 = 1001;
    let Some(bench) = Bench::up(&[], &[REAL]) else {
        return;
    };
    bench.qm(&format!("start {REAL}"));
    bench.wait_settled(|_| 0);
    assert_eq!(bench.status(REAL)["record"]["outcome"], "converged");
    bench.qm(&format!("shutdown {REAL}"));
    bench.wait_settled(|_| 0);
    let trace = || {
        (
            bench.files(REAL),
            bench.seen(REAL).record,
            bench.guest(REAL).docker_requests().len(),
        )
    };
    let (before, calls) = (trace(), bench.seen(REAL));
    for _ in 0..2 {
        rows::backup_of_a_stopped_guest(&bench, REAL);
        bench.wait_settled(|_| 0);
    }
    assert_eq!(trace(), before);
    let phases = ["pre-start", "post-start", "pre-stop", "post-stop"].repeat(2);
    assert_eq!(
        bench.seen(REAL).calls_since(&calls),
        phases,
        "the event log has them"
    );
    let again = bench.phoenix(&format!("run {REAL} post-start"));
    assert!(again.stderr.contains("is stopped"), "{}", again.stderr);
    assert!(matches!(ROWS[0].before, Before::Stopped));
}
