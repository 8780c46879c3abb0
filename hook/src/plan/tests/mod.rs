//! Scenarios of the planner: what is declared, what is seen, what the plan says.

mod drain;
mod identity;
mod swarm;

use std::collections::BTreeMap;

use phoenix_common::observed::Observed;
use phoenix_common::spec::{DockerSpec, GuestSpec};
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{
    Availability, Change, ChangeVerb, CloudInit, Docker, Facts, GuestPlan, Membership, RunningJob,
    SwarmNode, SwarmRemains, SwarmRole, SwarmView,
};

use super::Blocked;
use super::desired::{Desired, SwarmDesired};
use super::guest::plan;
use super::observed::{AgentState, HostState, ManagerState, ObservedGuest, ObservedSwarm};

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

fn desired(number: u32, role: SwarmRole) -> Desired {
    let labels = [("gpu".to_owned(), "true".to_owned())];
    Desired {
        vmid: vmid(number),
        carried_agent: Some("0.2.0".to_owned()),
        guest: GuestSpec {
            docker: Some(DockerSpec {}),
            ..GuestSpec::default()
        },
        swarm: Some(SwarmDesired {
            name: "default".to_owned(),
            role,
            labels: labels.into_iter().collect(),
            address: Some(format!("192.168.77.{}", number - 990).parse().unwrap()),
            managers: vec![vmid(1001)],
            address_pool: Vec::new(),
            guest_networks: vec!["192.168.77.0/24".parse().unwrap()],
        }),
        stacks: Vec::new(),
        problems: Vec::new(),
        notices: Vec::new(),
        portainer: None,
        unhandled: Vec::new(),
    }
}

fn facts(membership: Membership) -> Facts {
    Facts {
        agent_version: "0.2.0".to_owned(),
        protocol_oldest: 1,
        protocol_newest: 1,
        boot_id: "b".to_owned(),
        machine_id: "m".to_owned(),
        hostname: "h".to_owned(),
        os_id: "debian".to_owned(),
        os_version: "12".to_owned(),
        architecture: "x86_64".to_owned(),
        addresses: vec!["192.168.77.11/24".to_owned()],
        has_dpkg: true,
        cloud_init: CloudInit::Absent,
        docker: Observed::Known(Docker::Running {
            version: "26.1.5".to_owned(),
            api_version: "1.45".to_owned(),
            engine_id: "e".to_owned(),
            remains: remains(&membership),
            swarm: membership,
        }),
        running_jobs: Vec::new(),
        gpus: None,
    }
}

fn remains(membership: &Membership) -> SwarmRemains {
    match membership {
        Membership::Worker {
            node_id,
            remote_managers,
            ..
        } => SwarmRemains {
            node_id: node_id.clone(),
            remote_managers: remote_managers.clone(),
            only_worker: true,
        },
        Membership::Manager { node_id, .. } => SwarmRemains {
            node_id: node_id.clone(),
            ..SwarmRemains::default()
        },
        _ => SwarmRemains::default(),
    }
}

fn worker() -> Membership {
    Membership::Worker {
        node_id: "node-worker".to_owned(),
        node_address: "192.168.77.12".to_owned(),
        remote_managers: vec!["192.168.77.11:2377".to_owned()],
    }
}

fn manager(cluster: &str) -> Membership {
    Membership::Manager {
        node_id: "node-manager".to_owned(),
        node_address: "192.168.77.11".to_owned(),
        cluster_id: cluster.to_owned(),
        error: String::new(),
    }
}

fn node(id: &str, role: SwarmRole, labels: &[(&str, &str)]) -> SwarmNode {
    let is_manager = role == SwarmRole::Manager;
    let when = |text: &str| {
        if is_manager {
            text.to_owned()
        } else {
            String::new()
        }
    };
    SwarmNode {
        id: id.to_owned(),
        hostname: "guest".to_owned(),
        address: "192.168.77.11".to_owned(),
        role,
        availability: Availability::Active,
        state: "ready".to_owned(),
        is_leader: is_manager,
        reachability: when("reachable"),
        manager_address: when("192.168.77.11:2377"),
        labels: labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn observed(own: Membership, managers: &[(u32, Observed<Option<Membership>>)]) -> ObservedGuest {
    let state = |membership: &Option<Membership>| {
        membership
            .clone()
            .map(|membership| ManagerState { membership })
    };
    let managers: BTreeMap<Vmid, Observed<Option<ManagerState>>> = managers
        .iter()
        .map(|(number, seen)| {
            let seen = match seen {
                Observed::Known(membership) => Observed::Known(state(membership)),
                Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
            };
            (vmid(*number), seen)
        })
        .collect();
    ObservedGuest {
        host: Observed::Known(HostState::Running),
        agent: Observed::Known(AgentState::Present(Box::new(facts(own)))),
        guest_plan: Observed::Known(Ok(GuestPlan::default())),
        swarm: Some(ObservedSwarm {
            managers,
            view: Observed::unknown("no manager is in a cluster"),
            owner: None,
        }),
        stacks: BTreeMap::new(),
        portainer: Observed::unknown("not looked at"),
    }
}

fn with_view(mut observed: ObservedGuest, nodes: Vec<SwarmNode>) -> ObservedGuest {
    if let Some(swarm) = &mut observed.swarm {
        let view = SwarmView {
            cluster_id: "c1".to_owned(),
            default_address_pool: Vec::new(),
            nodes,
        };
        swarm.view = Observed::Known((vmid(1001), view));
    }
    observed
}

/// The plan as its one-line texts.
fn shown(desired: &Desired, observed: &ObservedGuest) -> Vec<String> {
    plan(desired, observed)
        .to_string()
        .lines()
        .map(|line| line.trim().to_owned())
        .collect()
}

const ALL_LABELS: [(&str, &str); 3] = [
    ("gpu", "true"),
    ("phoenix.vmid", "1002"),
    ("phoenix.managed", "gpu"),
];

#[test]
fn a_guest_that_does_not_run_is_waited_for() {
    let desired = desired(1002, SwarmRole::Worker);
    for (state, wanted) in [
        (
            Observed::Known(HostState::Stopped),
            "… waits: it is stopped",
        ),
        (
            Observed::Known(HostState::OtherNode("pve2".into())),
            "… waits: it is on node pve2",
        ),
        (
            Observed::Known(HostState::NotRunning("inmigrate".into())),
            "… waits: QEMU is inmigrate: the guest does not run yet",
        ),
        (Observed::unknown("pmxcfs hangs"), "… waits: pmxcfs hangs"),
    ] {
        let mut seen = observed(Membership::Inactive, &[]);
        seen.host = state;
        assert_eq!(shown(&desired, &seen), [wanted]);
    }
}

#[test]
fn the_agent_comes_before_everything_and_is_never_downgraded() {
    let desired = desired(1002, SwarmRole::Worker);
    let mut seen = observed(Membership::Inactive, &[]);
    seen.agent = Observed::Known(AgentState::Missing);
    assert_eq!(
        shown(&desired, &seen),
        ["+ install phoenix-guest-agent 0.2.0"]
    );
    for (version, protocols, wanted) in [
        (
            "0.1.9",
            (1, 1),
            "+ upgrade phoenix-guest-agent 0.1.9 to 0.2.0",
        ),
        (
            "0.10.0",
            (1, 2),
            "… waits for guest 1001: it has not started Swarm default yet",
        ),
        (
            "0.10.0",
            (2, 3),
            "! guest agent: phoenix-guest-agent 0.10.0 in the guest does not speak protocol 1 of this node any more: upgrade phoenix-hook on this node",
        ),
    ] {
        let mut facts = facts(Membership::Inactive);
        facts.agent_version = version.to_owned();
        (facts.protocol_oldest, facts.protocol_newest) = protocols;
        let mut seen = observed(
            Membership::Inactive,
            &[(1001, Observed::Known(Some(Membership::Inactive)))],
        );
        seen.agent = Observed::Known(AgentState::Present(Box::new(facts)));
        assert_eq!(shown(&desired, &seen), [wanted]);
    }
}

#[test]
fn a_job_of_an_earlier_run_is_waited_for() {
    let mut facts = facts(Membership::Inactive);
    facts.running_jobs.push(RunningJob {
        job: "apply-1".to_owned(),
        work: "apply_guest".to_owned(),
    });
    let mut seen = observed(Membership::Inactive, &[]);
    seen.agent = Observed::Known(AgentState::Present(Box::new(facts)));
    assert_eq!(
        shown(&desired(1002, SwarmRole::Worker), &seen),
        ["… waits: job apply-1 (apply_guest) is at work in the guest"]
    );
}

#[test]
fn guest_changes_come_before_the_swarm() {
    let mut seen = observed(Membership::Inactive, &[]);
    seen.guest_plan = Observed::Known(Ok(GuestPlan {
        changes: vec![Change {
            verb: ChangeVerb::Create,
            subject: "package docker.io".to_owned(),
            fields: Vec::new(),
        }],
        notices: vec!["volume old stays".to_owned()],
    }));
    let mut desired = desired(1002, SwarmRole::Worker);
    desired.problems.push(Blocked {
        what: "guest set-up".to_owned(),
        reason: "volume data has no server".to_owned(),
        refused: false,
    });
    // What cannot be dealt with is said, and the rest is done.
    assert_eq!(
        shown(&desired, &seen),
        [
            "+ set up the guest: create package docker.io",
            "! guest set-up: volume data has no server",
            "note: volume old stays"
        ]
    );
}
