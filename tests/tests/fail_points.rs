//! SIGKILL at every step boundary of a first start, once each: of the worker on the node and of the jobs in the
//! guests. What comes out is what comes out undisturbed, and the run after it writes nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::Duration;

use phoenix_common::fail_point::FOLDER;
use phoenix_tests::estate::{DEMO_STATE, Estate};

const LIMIT: Duration = Duration::from_mins(8);
const GUESTS: [u32; 2] = [1001, 1002];

/// Boundaries that must have been crossed, as parts of their names; a step that lost its points shows here.
const ON_NODE: [&str; 12] = [
    "1001-post-start-taken",
    "1001-before-install",
    "1002-before-install",
    "1001-before-start-Swarm",
    "1001-after-start-Swarm",
    "1002-before-join-Swarm",
    "1002-after-join-Swarm",
    "1002-after-node-label",
    "1002-before-deploy-stack-dev1_hello",
    "1002-after-deploy-stack-production_hello",
    "1002-before-its-record-is-closed",
    "1002-before-its-events-are-finished",
];
const IN_MANAGER: [&str; 6] = [
    "job-apply_guest-begun",
    "job-swarm_init-done",
    "before-network-dev1",
    "after-config-dev1",
    "before-service-production",
    "after-service-production",
];

#[test]
fn killed_at_every_boundary_it_ends_as_undisturbed() {
    let Some(estate) = Estate::for_test() else {
        return;
    };
    let arm = format!("mkdir -p {FOLDER}");
    estate.0.node().sh(&arm).unwrap();
    for vmid in GUESTS {
        estate.start(vmid).unwrap();
        estate.0.guest(vmid).sh(&arm).unwrap();
    }
    estate.wait_converged(LIMIT, |_| {}).unwrap();

    let list = format!("ls {FOLDER}");
    let on_node = estate.0.node().sh(&list).unwrap();
    let in_manager = estate.0.guest(1001).sh(&list).unwrap();
    let in_worker = estate.0.guest(1002).sh(&list).unwrap();
    println!(
        "killed on the node at:\n{on_node}\nin 1001 at:\n{in_manager}\nin 1002 at:\n{in_worker}"
    );
    for (points, seen) in [(&ON_NODE[..], &on_node), (&IN_MANAGER[..], &in_manager)] {
        for point in points {
            assert!(seen.contains(point), "{point} was never reached");
        }
    }
    assert_eq!(estate.swarm_state().unwrap(), DEMO_STATE);
    nothing_is_left(&estate);
}

fn nothing_is_left(estate: &Estate) {
    let before = estate.docker_writes().len();
    let remove = format!("rm -r {FOLDER}");
    estate.0.node().sh(&remove).unwrap();
    for vmid in GUESTS {
        estate.0.guest(vmid).sh(&remove).unwrap();
        let ran = estate.phoenix(&format!("run {vmid} post-start")).unwrap();
        assert!(
            ran.stdout.contains("nothing written"),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
    }
    assert_eq!(estate.docker_writes().len(), before);
}
