use super::*;
use crate::pve::conf::GuestConf;
use phoenix_common::wire::Availability;
use std::collections::BTreeMap;

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

const OURS: &str = "#Made by Phoenix as guest 1002, from 9000\n";

fn machine(text: &str, power: Power) -> Observed<MachineState> {
    Observed::Known(MachineState::Present(Box::new(Machine {
        node: "pve1".to_owned(),
        kind: Kind::Qemu,
        conf: GuestConf::parse(text),
        power,
        creation_goes_on: Observed::Known(false),
        may_pass_lock: true,
    })))
}

fn node(number: u32, role: SwarmRole, state: &str) -> SwarmNode {
    let up = state == "ready" && role == SwarmRole::Manager;
    SwarmNode {
        id: format!("node{number}"),
        hostname: format!("vm{number}"),
        address: String::new(),
        role,
        availability: Availability::Active,
        state: state.to_owned(),
        is_leader: false,
        reachability: if up { "reachable" } else { "" }.to_owned(),
        manager_address: String::new(),
        labels: BTreeMap::from([(VMID_LABEL.to_owned(), number.to_string())]),
    }
}

fn swarm(nodes: Vec<SwarmNode>) -> RemovalSwarm {
    let view = SwarmView {
        cluster_id: "c".to_owned(),
        default_address_pool: Vec::new(),
        nodes,
    };
    RemovalSwarm {
        name: "default".to_owned(),
        view: Observed::Known(Some((vmid(1001), view))),
    }
}

fn wish() -> RemovalWish {
    RemovalWish {
        vmid: vmid(1002),
        foreign: false,
        forget_swarm: false,
    }
}

fn shown(plan: &RemovalPlan) -> Vec<String> {
    plan.actions.iter().map(ToString::to_string).collect()
}

#[test]
fn a_worker_leaves_stops_is_forgotten_and_destroyed() {
    use SwarmRole::{Manager, Worker};
    let swarm = swarm(vec![
        node(1001, Manager, "ready"),
        node(1002, Worker, "ready"),
        node(1003, Worker, "ready"),
    ]);
    let plan = plan(wish(), &machine(OURS, Power::Running), Some(&swarm));
    assert_eq!(
        shown(&plan),
        [
            "1002 leaves Swarm default",
            "shut down 1002",
            "remove the entry of vm1002 (node1002) from Swarm default",
            "destroy 1002 with its disks",
        ]
    );
}

#[test]
fn a_manager_is_demoted_only_while_a_quorum_remains() {
    use SwarmRole::Manager;
    let three = vec![
        node(1001, Manager, "ready"),
        node(1002, Manager, "ready"),
        node(1003, Manager, "ready"),
    ];
    let stopped = machine(OURS, Power::Stopped);
    let fine = plan(wish(), &stopped, Some(&swarm(three.clone())));
    assert_eq!(shown(&fine)[0], "make vm1002 a worker of Swarm default");
    let mut one_away = three;
    one_away[2].reachability = "unreachable".to_owned();
    let refused = plan(wish(), &stopped, Some(&swarm(one_away)));
    assert!(refused.actions.is_empty() && refused.blocked[0].refused);
}

#[test]
fn what_is_left_of_a_guest_that_is_gone_is_removed() {
    let swarm = swarm(vec![node(1002, SwarmRole::Worker, "down")]);
    let absent = Observed::Known(MachineState::Absent(
        super::super::observed::Template::NotDeclared,
    ));
    let plan = plan(wish(), &absent, Some(&swarm));
    assert_eq!(plan.actions.len(), 1, "{plan}");
}

#[test]
fn foreign_protected_and_busy_guests_stay() {
    let refusal = |text: &str, foreign: bool| {
        let wish = RemovalWish { foreign, ..wish() };
        plan(wish, &machine(text, Power::Stopped), None)
    };
    let foreign = refusal("name: theirs\n", false);
    assert!(foreign.actions.is_empty() && foreign.blocked[0].refused);
    assert_eq!(refusal("name: theirs\n", true).actions.len(), 1);
    assert!(refusal(&format!("{OURS}protection: 1\n"), false).blocked[0].refused);
    assert_eq!(
        refusal(&format!("{OURS}lock: backup\n"), false)
            .waiting
            .len(),
        1
    );
    let half = refusal("# qmclone temporary file\nlock: clone\n", false);
    let destroy = &half.actions[0];
    assert!(matches!(
        destroy,
        RemovalAction::Destroy {
            past_lock: true,
            ..
        }
    ));
}

#[test]
fn a_swarm_that_does_not_answer_keeps_the_guest_unless_told() {
    let silent = RemovalSwarm {
        name: "default".to_owned(),
        view: Observed::unknown("1001 is stopped"),
    };
    let stopped = machine(OURS, Power::Stopped);
    assert!(plan(wish(), &stopped, Some(&silent)).blocked[0].refused);
    let told = RemovalWish {
        forget_swarm: true,
        ..wish()
    };
    let plan = plan(told, &stopped, Some(&silent));
    assert_eq!((plan.actions.len(), plan.notices.len()), (1, 1));
}
