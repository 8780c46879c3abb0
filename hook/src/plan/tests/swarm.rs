//! Membership: init, join, labels, foreign clusters.

use super::*;

#[test]
fn a_swarm_starts_only_when_every_manager_has_been_seen_outside_of_one() {
    let mut desired = desired(1001, SwarmRole::Manager);
    if let Some(swarm) = &mut desired.swarm {
        swarm.managers = vec![vmid(1001), vmid(1003)];
    }
    let inactive = || Observed::Known(Some(Membership::Inactive));
    let init = "+ start Swarm default on 192.168.77.11, overlays from 10.200.0.0/16";
    for (other, wanted) in [
        (Observed::Known(None), init),
        (inactive(), init),
        (
            Observed::unknown("it is stopped"),
            "… waits for guest 1003: manager guest 1003 may be in a Swarm already (it is stopped); to start a new one all the same: phoenix swarm init 1001",
        ),
        (
            Observed::Known(Some(worker())),
            "… waits for guest 1003: manager guest 1003 may be in a Swarm already (its engine is not out of every Swarm); to start a new one all the same: phoenix swarm init 1001",
        ),
    ] {
        let seen = observed(Membership::Inactive, &[(1001, inactive()), (1003, other)]);
        assert_eq!(shown(&desired, &seen), [wanted]);
    }
}

#[test]
fn two_clusters_are_refused() {
    let mut desired = desired(1001, SwarmRole::Manager);
    if let Some(swarm) = &mut desired.swarm {
        swarm.managers = vec![vmid(1001), vmid(1003)];
    }
    let seen = observed(
        manager("c1"),
        &[
            (1001, Observed::Known(Some(manager("c1")))),
            (1003, Observed::Known(Some(manager("c2")))),
        ],
    );
    let plan = plan(&desired, &seen);
    assert!(plan.actions.is_empty() && plan.blocked[0].refused);
    assert!(
        plan.blocked[0]
            .reason
            .starts_with("managers 1001 and 1003 are in two clusters")
    );
}

#[test]
fn a_worker_joins_gets_its_labels_and_is_done() {
    let desired = desired(1002, SwarmRole::Worker);
    let managers = [(1001, Observed::Known(Some(manager("c1"))))];
    let view = |nodes| with_view(observed(Membership::Inactive, &managers), nodes);
    let leader = || node("node-manager", SwarmRole::Manager, &[]);
    assert_eq!(
        shown(&desired, &view(vec![leader()])),
        ["+ join Swarm default as worker through 1001"]
    );
    let joined = |labels: &[(&str, &str)]| {
        let own = node("node-worker", SwarmRole::Worker, labels);
        with_view(observed(worker(), &managers), vec![leader(), own])
    };
    assert_eq!(
        shown(&desired, &joined(&[])),
        ["+ node: label gpu=true, label phoenix.managed=gpu, label phoenix.vmid=1002"]
    );
    assert!(plan(&desired, &joined(&ALL_LABELS)).is_converged());
    let foreign = [&ALL_LABELS[..], &[("zone", "a")]].concat();
    assert!(
        plan(&desired, &joined(&foreign)).is_converged(),
        "a foreign label stays"
    );
}

#[test]
fn a_dropped_label_goes_and_a_changed_one_is_set() {
    let desired = desired(1002, SwarmRole::Worker);
    let managers = [(1001, Observed::Known(Some(manager("c1"))))];
    let labels = [
        ("gpu", "false"),
        ("disk", "ssd"),
        ("phoenix.vmid", "1002"),
        ("phoenix.managed", "disk,gpu"),
    ];
    let own = node("node-worker", SwarmRole::Worker, &labels);
    let seen = with_view(observed(worker(), &managers), vec![own]);
    assert_eq!(
        shown(&desired, &seen),
        ["+ node: label gpu=true, label phoenix.managed=gpu, remove label disk"]
    );
}

#[test]
fn a_worker_that_the_cluster_forgot_leaves_and_joins_anew() {
    let desired = desired(1002, SwarmRole::Worker);
    let managers = [(1001, Observed::Known(Some(manager("c1"))))];
    let mut phantom = node("node-old", SwarmRole::Worker, &ALL_LABELS);
    phantom.state = "down".to_owned();
    let nodes = vec![node("node-manager", SwarmRole::Manager, &[]), phantom];
    assert_eq!(
        shown(
            &desired,
            &with_view(observed(worker(), &managers), nodes.clone())
        ),
        ["+ leave the Swarm (the cluster does not know its node any more), to join default anew"]
    );
    assert_eq!(
        shown(
            &desired,
            &with_view(observed(Membership::Inactive, &managers), nodes)
        ),
        [
            "+ remove the dead entry of guest (node-old) from Swarm default",
            "+ join Swarm default as worker through 1001",
        ]
    );
}

#[test]
fn the_last_manager_is_not_demoted() {
    let desired = desired(1001, SwarmRole::Worker);
    let managers = [(1001, Observed::Known(Some(manager("c1"))))];
    let labels = [
        ("gpu", "true"),
        ("phoenix.vmid", "1001"),
        ("phoenix.managed", "gpu"),
    ];
    let own = node("node-manager", SwarmRole::Manager, &labels);
    let plan = plan(
        &desired,
        &with_view(observed(manager("c1"), &managers), vec![own]),
    );
    assert!(plan.actions.is_empty() && plan.blocked[0].refused, "{plan}");
}

#[test]
fn a_pending_membership_is_never_ended() {
    let inactive = [(1001, Observed::Known(Some(Membership::Pending)))];
    let seen = observed(Membership::Pending, &inactive);
    let plan_of = |desired: &Desired, seen: &ObservedGuest| shown(desired, seen).join(" ");
    let alone = plan_of(&desired(1001, SwarmRole::Manager), &seen);
    assert!(
        alone.starts_with("… waits: its engine is joining a Swarm"),
        "{alone}"
    );
    let managers = [(1001, Observed::Known(Some(manager("c1"))))];
    let nodes = vec![node("node-manager", SwarmRole::Manager, &[])];
    let seen = with_view(observed(Membership::Pending, &managers), nodes);
    let worker = plan_of(&desired(1002, SwarmRole::Worker), &seen);
    assert_eq!(worker, "+ join Swarm default as worker through 1001");
}

#[test]
fn a_member_of_a_foreign_swarm_is_left_alone() {
    let desired = desired(1002, SwarmRole::Worker);
    let managers = [(1001, Observed::Known(Some(manager("c1"))))];
    let nodes = || vec![node("node-manager", SwarmRole::Manager, &[])];
    let foreign_worker = Membership::Worker {
        node_id: "node-x".to_owned(),
        node_address: "192.168.77.12".to_owned(),
        remote_managers: vec!["10.9.9.9:2377".to_owned()],
    };
    for own in [manager("c2"), foreign_worker] {
        let plan = plan(&desired, &with_view(observed(own, &managers), nodes()));
        assert!(plan.actions.is_empty() && plan.blocked[0].refused, "{plan}");
        assert!(plan.blocked[0].reason.contains("another Swarm"), "{plan}");
    }
}
