//! The path unit survives what wore out a plain one: bursts of events, and a worker that dies.

use std::time::Duration;

use phoenix_tests::lab::Guest;

use super::archive::Archive;
use super::{bare_node, install};

/// Ends without touching the queue unless told to take the events.
const WORKER: &str = r"#!/bin/sh
echo run >> /var/lib/phoenix/runs
[ ! -e /root/die ] || kill -9 $$
for event in /var/lib/phoenix/queue/*; do [ ! -e $event ] || mv $event /var/lib/phoenix/work/; done
";

/// A node whose worker is a script that only takes events: the units are what is tested.
fn node_with_plain_worker() -> Option<(phoenix_tests::lab::Lab, Guest)> {
    let (lab, node) = bare_node()?;
    install(&node, &Archive::built("phoenix-hook"));
    node.write("/root/worker.sh", WORKER, 0o755).unwrap();
    let drop_in = "[Service]\nExecStart=\nExecStart=/root/worker.sh\n";
    node.write(
        "/etc/systemd/system/phoenix-worker.service.d/plain.conf",
        drop_in,
        0o644,
    )
    .unwrap();
    node.sh("systemctl stop phoenix-worker.path phoenix-worker.service; systemctl daemon-reload; systemctl start phoenix-worker.path").unwrap();
    Some((lab, node))
}

fn wait_for(node: &Guest, condition: &str) {
    let probe = || {
        let ran = node.run(&["/bin/sh", "-c", condition])?;
        Ok((!ran.success()).then(|| "not yet".to_owned()))
    };
    node.wait(condition, Duration::from_mins(1), probe).unwrap();
    assert_eq!(
        node.sh("systemctl is-active phoenix-worker.path").unwrap(),
        "active"
    );
}

const EMPTY: &str = "[ -z \"$(ls /var/lib/phoenix/queue)\" ]";

#[test]
fn fifty_events_in_five_seconds_leave_it_watching() {
    let Some((_lab, node)) = node_with_plain_worker() else {
        return;
    };
    let calls = "for i in $(seq 50); do /var/lib/vz/snippets/phoenix-hook.sh 1002 post-start; sleep 0.1; done";
    node.sh(calls).unwrap();
    wait_for(&node, EMPTY);
    assert_eq!(node.sh("ls /var/lib/phoenix/work | wc -l").unwrap(), "50");
    node.sh("/var/lib/vz/snippets/phoenix-hook.sh 1002 post-start")
        .unwrap();
    wait_for(&node, EMPTY);
}

#[test]
fn a_worker_that_dies_ten_times_is_started_again() {
    let Some((_lab, node)) = node_with_plain_worker() else {
        return;
    };
    node.sh("touch /root/die; : > /var/lib/phoenix/runs; /var/lib/vz/snippets/phoenix-hook.sh 1002 post-start").unwrap();
    wait_for(&node, "[ $(wc -l < /var/lib/phoenix/runs) -ge 10 ]");
    node.sh("rm /root/die").unwrap();
    wait_for(&node, EMPTY);
}

#[test]
fn it_starts_at_boot_and_finds_what_waits() {
    let Some((_lab, node)) = node_with_plain_worker() else {
        return;
    };
    node.sh("systemctl stop phoenix-worker.path; : > /var/lib/phoenix/runs")
        .unwrap();
    node.sh("/var/lib/vz/snippets/phoenix-hook.sh 1002 post-start")
        .unwrap();
    node.reset().unwrap();
    node.wait_running().unwrap();
    wait_for(&node, EMPTY);
    wait_for(&node, "[ -s /var/lib/phoenix/runs ]");
}

#[test]
fn the_real_worker_takes_events_inside_of_its_fence() {
    let Some((_lab, node)) = bare_node() else {
        return;
    };
    install(&node, &Archive::built("phoenix-hook"));
    node.sh("/var/lib/vz/snippets/phoenix-hook.sh 1002 post-start")
        .unwrap();
    wait_for(&node, EMPTY);
    wait_for(&node, "[ -z \"$(ls /var/lib/phoenix/work)\" ]");
    wait_for(
        &node,
        "[ $(systemctl is-active phoenix-worker.service) = inactive ]",
    );
    let events = node.sh("phoenix events").unwrap();
    assert!(events.contains("1002"), "{events}");
    assert_eq!(
        node.sh("systemctl show -p Result --value phoenix-worker.service")
            .unwrap(),
        "success"
    );
}
