//! Memberships that are not what they say: rolled back, copied, forgotten, run out.

use super::*;
use crate::plan::observed::NodeOwner;

const LEAVE: &str =
    "+ leave the Swarm (the cluster does not know its node any more), to join default anew";

fn leader() -> SwarmNode {
    node(
        "node-manager",
        SwarmRole::Manager,
        &[("phoenix.vmid", "1001")],
    )
}

fn managers() -> [(u32, Observed<Option<Membership>>); 1] {
    [(1001, Observed::Known(Some(manager("c1"))))]
}

/// Guest 1002, its engine in the state `own` with these remains, in a cluster with these nodes.
fn seen(own: Membership, remains: SwarmRemains, nodes: Vec<SwarmNode>) -> ObservedGuest {
    let mut seen = with_view(observed(own.clone(), &managers()), nodes);
    let mut facts = facts(own);
    if let Observed::Known(Docker::Running { remains: its, .. }) = &mut facts.docker {
        *its = remains;
    }
    seen.agent = Observed::Known(AgentState::Present(Box::new(facts)));
    seen
}

fn remains_of(node_id: &str, managers: &[&str], only_worker: bool) -> SwarmRemains {
    SwarmRemains {
        node_id: node_id.to_owned(),
        remote_managers: managers.iter().map(|text| (*text).to_owned()).collect(),
        only_worker,
    }
}

fn worker_plan(own: Membership, remains: SwarmRemains, nodes: Vec<SwarmNode>) -> Vec<String> {
    shown(
        &desired(1002, SwarmRole::Worker),
        &seen(own, remains, nodes),
    )
}

#[test]
fn an_engine_that_finds_its_cluster_no_more_leaves_when_the_cluster_lacks_its_node() {
    let pending = |remains, nodes| worker_plan(Membership::Pending, remains, nodes);
    for managers in [&[][..], &["192.168.77.11:2377"]] {
        let gone = pending(remains_of("old", managers, true), vec![leader()]);
        assert_eq!(gone, [LEAVE]);
    }
    let listed = vec![leader(), node("old", SwarmRole::Worker, &ALL_LABELS)];
    let waits = pending(remains_of("old", &[], true), listed).join(" ");
    assert!(
        waits.starts_with("… waits: its engine is joining"),
        "{waits}"
    );
    let foreign = pending(remains_of("old", &["10.9.9.9:2377"], true), vec![leader()]).join(" ");
    assert!(foreign.contains("another Swarm"), "{foreign}");
    let manager = pending(remains_of("old", &[], false), vec![leader()]).join(" ");
    assert!(
        manager.contains("a manager's state lies on its disk"),
        "{manager}"
    );
    let never = pending(SwarmRemains::default(), vec![leader()]);
    assert_eq!(never, ["+ join Swarm default as worker through 1001"]);
}

/// The text is that of Docker 26.1 for a node certificate in `certificates/` that has run out.
#[test]
fn a_certificate_that_ran_out_is_replaced_by_joining_anew() {
    let message = "error while loading TLS certificate in /var/lib/docker/swarm/certificates/swarm-node.crt: certificate (1 - y9) not valid after Mon, 23 Nov 2026 10:00:00 UTC, and it is currently Tue, 24 Nov 2026 10:00:00 UTC: x509: certificate has expired or is not yet valid: ";
    let error = |message: &str| Membership::Error {
        message: message.to_owned(),
    };
    let mut old = node("old", SwarmRole::Worker, &ALL_LABELS);
    old.state = "down".to_owned();
    let nodes = || vec![leader(), old.clone()];
    let plan_of = |text, only_worker| {
        worker_plan(error(text), remains_of("", &[], only_worker), nodes()).join(" ")
    };
    assert_eq!(
        plan_of(message, true),
        "+ leave the Swarm (its certificate is no longer valid), to join default anew"
    );
    assert!(plan_of(message, false).contains("a manager's state lies"));
    let other = plan_of("rpc error: context deadline exceeded", true);
    assert!(other.starts_with("… waits: rpc error"), "{other}");
    let unlabelled =
        worker_plan(error(message), remains_of("", &[], true), vec![leader()]).join(" ");
    assert!(
        unlabelled.starts_with("! swarm default: its certificate"),
        "{unlabelled}"
    );
}

#[test]
fn of_two_guests_with_one_node_the_label_tells_which_is_the_copy() {
    let labels = [
        ("gpu", "true"),
        ("phoenix.vmid", "1005"),
        ("phoenix.managed", "gpu"),
    ];
    let own = || node("node-worker", SwarmRole::Worker, &labels);
    let plan_of = |owner| {
        let remains = remains_of("node-worker", &[], true);
        let mut seen = seen(worker(), remains, vec![leader(), own()]);
        if let Some(swarm) = &mut seen.swarm {
            swarm.owner = Some((vmid(1005), owner));
        }
        shown(&desired(1002, SwarmRole::Worker), &seen)
    };
    assert_eq!(
        plan_of(Observed::Known(NodeOwner::IsTheNode)),
        [
            "+ leave the Swarm (its disk is a copy of guest 1005's, whose node it takes), to join default anew"
        ]
    );
    for gone in [NodeOwner::Absent, NodeOwner::HasAnotherNode] {
        assert_eq!(
            plan_of(Observed::Known(gone)),
            ["+ node: label phoenix.vmid=1002"]
        );
    }
    let unseen = plan_of(Observed::unknown("it is stopped")).join(" ");
    assert!(
        unseen.starts_with("… waits for guest 1005: node node-worker belongs"),
        "{unseen}"
    );
}

#[test]
fn a_copied_managers_disk_is_refused_and_the_original_is_told() {
    let mut original = desired(1001, SwarmRole::Manager);
    if let Some(swarm) = &mut original.swarm {
        swarm.managers = vec![vmid(1001), vmid(1005)];
    }
    let both = [
        (1001, Observed::Known(Some(manager("c1")))),
        (1005, Observed::Known(Some(manager("c1")))),
    ];
    let labels = [
        ("gpu", "true"),
        ("phoenix.vmid", "1001"),
        ("phoenix.managed", "gpu"),
    ];
    let nodes = || vec![node("node-manager", SwarmRole::Manager, &labels)];
    let found = with_view(observed(manager("c1"), &both), nodes());
    let told = plan(&original, &found);
    assert!(
        told.is_converged() && told.notices[0].contains("guest 1005 says"),
        "{told}"
    );

    let mut copy = original;
    copy.vmid = vmid(1005);
    let mut found = with_view(observed(manager("c1"), &both), nodes());
    if let Some(swarm) = &mut found.swarm {
        swarm.owner = Some((vmid(1001), Observed::Known(NodeOwner::IsTheNode)));
    }
    let refused = plan(&copy, &found);
    assert!(
        refused.actions.is_empty() && refused.blocked[0].refused,
        "{refused}"
    );
    assert!(
        refused.blocked[0].reason.contains("copy of guest 1001's"),
        "{refused}"
    );
}

#[test]
fn dead_entries_of_this_guest_go_and_a_managers_is_demoted_first() {
    let mut dead = node("old", SwarmRole::Manager, &[("phoenix.vmid", "1002")]);
    dead.state = "down".to_owned();
    dead.reachability = "unreachable".to_owned();
    let mut third = node("n3", SwarmRole::Manager, &[("phoenix.vmid", "1003")]);
    let plan_of = |nodes| worker_plan(Membership::Inactive, SwarmRemains::default(), nodes);
    let join = "+ join Swarm default as worker through 1001";
    assert_eq!(
        plan_of(vec![leader(), dead.clone(), third.clone()]),
        ["+ node: make it a worker", join]
    );
    third.reachability = "unreachable".to_owned();
    assert_eq!(
        plan_of(vec![leader(), dead.clone(), third]),
        [join],
        "1 of 2 is no quorum"
    );
    dead.role = SwarmRole::Worker;
    let removed = "+ remove the dead entry of guest (old) from Swarm default";
    assert_eq!(plan_of(vec![leader(), dead]), [removed, join]);
}

#[test]
fn an_entry_that_never_got_a_label_is_known_by_name_and_address() {
    let mut phantom = node("old", SwarmRole::Worker, &[]);
    phantom.state = "down".to_owned();
    phantom.hostname = "h".to_owned();
    phantom.address = "192.168.77.12".to_owned();
    let plan_of = |phantom: &SwarmNode| {
        let nodes = vec![leader(), phantom.clone()];
        worker_plan(Membership::Inactive, SwarmRemains::default(), nodes).len()
    };
    assert_eq!(plan_of(&phantom), 2);
    phantom.address = "192.168.77.99".to_owned();
    assert_eq!(plan_of(&phantom), 1, "another machine of that name");
}

#[test]
fn a_node_that_is_seen_elsewhere_is_noticed() {
    let mut own = node("node-worker", SwarmRole::Worker, &ALL_LABELS);
    own.address = "192.168.77.99".to_owned();
    let remains = remains_of("node-worker", &[], true);
    let seen = seen(worker(), remains, vec![leader(), own]);
    let plan = plan(&desired(1002, SwarmRole::Worker), &seen);
    assert!(
        plan.is_converged() && plan.notices[0].contains("192.168.77.99"),
        "{plan}"
    );
}
