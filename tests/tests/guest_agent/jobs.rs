//! Jobs outlive what started them.

use phoenix_tests::lab::Suite::{Bookworm, Trixie};
use serde_json::json;

use super::{end, facts, lab, start, work};

#[test]
fn a_job_survives_the_agent_that_started_it() {
    let Some(lab) = lab(&[(1001, Bookworm)]) else {
        return;
    };
    let guest = lab.guest(1001);
    guest.wait_docker().unwrap();
    let token = format!("SWMTKN-1-{}-{}0", "0".repeat(50), "canary".repeat(4));
    // Docker tries for 20 s to reach a manager that does not exist.
    let join = json!({"swarm_join": {"token": token, "advertise_address": guest.address(),
        "managers": ["192.168.77.99:2377"]}});
    assert_eq!(start(&guest, "slow", &join), "started");
    guest.sh("systemctl restart qemu-guest-agent").unwrap();
    guest.wait_agent().unwrap();
    let busy = json!({"job": "slow", "work": "swarm_join"});
    assert_eq!(start(&guest, "other", &join), json!({ "busy": busy }));
    assert_eq!(start(&guest, "slow", &join), "attached");
    assert_eq!(facts(&guest)["running_jobs"], json!([busy]));
    let found = guest
        .sh("grep -rlE '(canary){4}' /run/phoenix-guest-agent /var/log || true")
        .unwrap();
    assert_eq!(found, "", "the token is on no disk");
    let state = end(&guest, "slow");
    assert_eq!(state["failed"]["kind"], "retryable", "{state}");
    assert_eq!(
        facts(&guest)["docker"]["known"]["running"]["swarm"],
        "inactive"
    );
    let units = guest
        .sh("systemctl list-units --all --no-legend 'phoenix-job-*'")
        .unwrap();
    assert_eq!(units.trim(), "", "no unit is left");
    let journal = guest
        .sh("journalctl -t phoenix-guest-agent -o cat")
        .unwrap();
    assert!(
        journal.contains("job slow failed: no manager answered"),
        "{journal}"
    );
}

#[test]
fn a_killed_job_is_lost_and_the_next_one_starts() {
    let Some(lab) = lab(&[(1001, Trixie)]) else {
        return;
    };
    let guest = lab.guest(1001);
    guest.wait_docker().unwrap();
    let token = format!("SWMTKN-1-{}-{}", "0".repeat(50), "a".repeat(25));
    let join = json!({"swarm_join": {"token": token, "advertise_address": guest.address(),
        "managers": ["192.168.77.99:2377"]}});
    assert_eq!(start(&guest, "slow", &join), "started");
    guest.sh("systemctl kill -s KILL phoenix-job-slow").unwrap();
    assert_eq!(end(&guest, "slow"), "lost");
    let leave = json!({"swarm_leave": {"force": true}});
    assert!(work(&guest, "leave", &leave)["succeeded"].is_object());
    assert_eq!(
        facts(&guest)["docker"]["known"]["running"]["swarm"],
        "inactive"
    );
}
