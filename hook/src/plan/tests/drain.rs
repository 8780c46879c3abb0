//! A node drained for its guest's stop, and given back afterwards.

use super::*;
use crate::plan::desired::DRAINED_LABEL;
use crate::plan::swarm::drain::{Drain, drain};

fn view(nodes: Vec<SwarmNode>) -> SwarmView {
    SwarmView {
        cluster_id: "c1".to_owned(),
        default_address_pool: Vec::new(),
        nodes,
    }
}

fn of(number: &str, role: SwarmRole) -> SwarmNode {
    node(&format!("n{number}"), role, &[("phoenix.vmid", number)])
}

fn three() -> Vec<SwarmNode> {
    vec![
        of("1001", SwarmRole::Manager),
        of("1002", SwarmRole::Worker),
        of("1003", SwarmRole::Worker),
    ]
}

fn nowhere(_: Vmid) -> bool {
    false
}

fn skipped(decision: Drain) -> String {
    match decision {
        Drain::Skip(reason) => reason,
        Drain::Node { .. } => panic!("{decision:?}"),
    }
}

#[test]
fn a_running_node_is_drained_and_marked() {
    let decision = drain(vmid(1002), &view(three()), false, nowhere);
    let Drain::Node {
        update, warning, ..
    } = decision
    else {
        panic!("{decision:?}");
    };
    assert_eq!(update.node_id, "n1002");
    assert_eq!(update.set_labels[DRAINED_LABEL], "active");
    assert_eq!(update.availability, Some(Availability::Drain));
    assert_eq!((update.role, warning), (None, None));
}

#[test]
fn a_node_is_left_alone_when_draining_helps_nobody() {
    let decide = |change: &dyn Fn(&mut Vec<SwarmNode>)| {
        let mut nodes = three();
        change(&mut nodes);
        skipped(drain(vmid(1002), &view(nodes), false, nowhere))
    };
    let by_operator = decide(&|nodes| nodes[1].availability = Availability::Drain);
    assert!(by_operator.contains("drained already"), "{by_operator}");
    let down = decide(&|nodes| nodes[1].state = "down".to_owned());
    assert!(down.contains("none of the Swarm's nodes"), "{down}");
    let alone = decide(&|nodes| {
        nodes[0].availability = Availability::Drain;
        nodes[2].state = "down".to_owned();
    });
    assert!(alone.contains("no other node"), "{alone}");
    let twins = decide(&|nodes| nodes[2] = of("1002", SwarmRole::Worker));
    assert!(twins.contains("several"), "{twins}");
}

#[test]
fn when_the_whole_proxmox_node_stops_only_another_one_can_take_the_tasks() {
    let all = view(three());
    let reason = skipped(drain(vmid(1002), &all, true, nowhere));
    assert!(reason.contains("no other one"), "{reason}");
    let elsewhere = |other: Vmid| other == vmid(1003);
    let decision = drain(vmid(1002), &all, true, elsewhere);
    assert!(matches!(decision, Drain::Node { .. }), "{decision:?}");
    let mut drained = three();
    drained[2].availability = Availability::Drain;
    let reason = skipped(drain(vmid(1002), &view(drained), true, elsewhere));
    assert!(reason.contains("no other one"), "{reason}");
}

#[test]
fn a_stop_that_costs_the_quorum_is_warned_of() {
    let warned = |managers: &[&str]| {
        let mut nodes: Vec<SwarmNode> = managers
            .iter()
            .map(|number| of(number, SwarmRole::Manager))
            .collect();
        nodes.push(of("1009", SwarmRole::Worker));
        match drain(vmid(1001), &view(nodes), false, nowhere) {
            Drain::Node { warning, .. } => warning,
            Drain::Skip(reason) => panic!("{reason}"),
        }
    };
    assert!(warned(&["1001"]).unwrap().contains("0 of 1 managers"));
    assert!(warned(&["1001", "1002"]).unwrap().contains("1 of 2"));
    assert_eq!(warned(&["1001", "1002", "1003"]), None);
}

#[test]
fn only_phoenixs_own_drain_is_undone() {
    let desired = desired(1002, SwarmRole::Worker);
    let managers = [(1001, Observed::Known(Some(manager("c1"))))];
    let plan_of = |availability, mark: Option<&str>| {
        let mut labels = ALL_LABELS.to_vec();
        labels.extend(mark.map(|before| (DRAINED_LABEL, before)));
        let mut own = node("node-worker", SwarmRole::Worker, &labels);
        own.availability = availability;
        let nodes = vec![node("node-manager", SwarmRole::Manager, &[]), own];
        shown(&desired, &with_view(observed(worker(), &managers), nodes))
    };
    assert_eq!(plan_of(Availability::Drain, None), Vec::<String>::new());
    assert_eq!(
        plan_of(Availability::Drain, Some("active")),
        ["+ node: let it take tasks again, remove label phoenix.drained"]
    );
    assert_eq!(
        plan_of(Availability::Drain, Some("pause")),
        ["+ node: pause it, remove label phoenix.drained"]
    );
    assert_eq!(
        plan_of(Availability::Active, Some("active")),
        ["+ node: remove label phoenix.drained"],
        "somebody was quicker"
    );
}
