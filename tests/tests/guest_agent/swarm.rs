//! Swarm membership and node entries.

use phoenix_tests::lab::Suite::{Bookworm, Trixie};
use serde_json::json;

use super::{ask, facts, lab, nothing_done, work};

#[test]
fn a_swarm_of_two_with_labels_and_nothing_twice() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    let (manager, worker) = (lab.guest(1001), lab.guest(1002));
    for guest in [&manager, &worker] {
        guest.wait_docker().unwrap();
    }
    let init = json!({"swarm_init": {"advertise_address": manager.address(),
        "default_address_pool": ["10.200.0.0/16"]}});
    assert!(work(&manager, "init", &init)["succeeded"].is_object());
    let token = ask(&manager, &json!({"swarm_token": "worker"}))["ok"]["swarm_token"].clone();
    let join = json!({"swarm_join": {"token": token, "advertise_address": worker.address(),
        "managers": [format!("{}:2377", manager.address())]}});
    let joined = work(&worker, "join", &join);
    assert_eq!(
        joined["succeeded"]["changes"][0]["verb"], "create",
        "{joined}"
    );
    let node = facts(&worker)["docker"]["known"]["running"]["swarm"]["worker"]["node_id"].take();
    let update = json!({"swarm_node_update": {"node_id": node, "set_labels": {"gpu": "true"},
        "remove_labels": [], "role": null, "availability": null}});
    let labelled = work(&manager, "label", &update);
    assert_eq!(
        labelled["succeeded"]["changes"][0]["subject"], "node vm1002",
        "{labelled}"
    );
    let view = ask(&manager, &json!("swarm_view"))["ok"]["swarm_view"].take();
    assert_eq!(view["default_address_pool"], json!(["10.200.0.0/16"]));
    let nodes = view["nodes"].as_array().unwrap();
    let seen = nodes.iter().find(|seen| seen["id"] == node).unwrap();
    assert_eq!(
        (&seen["labels"], &seen["state"]),
        (&json!({"gpu": "true"}), &json!("ready"))
    );
    let writes = || [manager.docker_writes(), worker.docker_writes()];
    let before = writes();
    for (guest, job, again) in [
        (&manager, "init-2", &init),
        (&worker, "join-2", &join),
        (&manager, "label-2", &update),
    ] {
        assert_eq!(work(guest, job, again), nothing_done(), "{job}");
    }
    assert_eq!(writes(), before, "the second time nothing is written");
}
