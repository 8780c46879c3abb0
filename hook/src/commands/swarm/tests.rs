use std::collections::BTreeMap;

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{
    Availability, Membership, ServiceStatus, StackStatus, SwarmNode, SwarmRole, SwarmStacks,
    SwarmView,
};

use super::health::{Declared, Seen, judge};
use super::report::Report;
use super::table;
use crate::plan::observed::{HostState, ManagerState, ObservedSwarm};

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

fn node(number: u32, role: SwarmRole) -> SwarmNode {
    let manages = role == SwarmRole::Manager;
    SwarmNode {
        id: format!("id{number}"),
        hostname: format!("vm{number}"),
        address: format!("192.0.2.{}", number % 100),
        role,
        availability: Availability::Active,
        state: "ready".into(),
        is_leader: manages,
        reachability: if manages { "reachable" } else { "" }.into(),
        manager_address: String::new(),
        labels: BTreeMap::from([
            ("phoenix.vmid".to_owned(), number.to_string()),
            ("gpu".to_owned(), "true".to_owned()),
        ]),
    }
}

fn declared(role: SwarmRole, stacks: &[&str]) -> Declared {
    Declared {
        role,
        host: Observed::Known(HostState::Running),
        stacks: stacks.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn service(name: &str, running: u64, error: &str) -> ServiceStatus {
    ServiceStatus {
        name: name.into(),
        image: "shop:2".into(),
        running,
        desired: 1,
        ports: vec!["8080->80/tcp (host)".into()],
        error: error.into(),
        version: 7,
    }
}

fn manager() -> ManagerState {
    ManagerState {
        membership: Membership::Manager {
            node_id: "id1001".into(),
            node_address: "192.0.2.1".into(),
            cluster_id: "c".into(),
            error: String::new(),
        },
    }
}

/// A manager and a worker, one stack of the worker's and one by hand, all well.
fn healthy() -> Seen {
    let nodes = vec![
        node(1001, SwarmRole::Manager),
        node(1002, SwarmRole::Worker),
    ];
    let view = SwarmView {
        cluster_id: "c".into(),
        default_address_pool: vec!["10.200.0.0/16".into()],
        nodes,
    };
    let stack = |service| StackStatus {
        services: vec![service],
    };
    Seen {
        swarm: "default".into(),
        declared: BTreeMap::from([
            (vmid(1001), declared(SwarmRole::Manager, &[])),
            (
                vmid(1002),
                declared(SwarmRole::Worker, &["production_shop"]),
            ),
        ]),
        managers: ObservedSwarm {
            managers: BTreeMap::from([(vmid(1001), Observed::Known(Some(manager())))]),
            view: Observed::Known((vmid(1001), view)),
            owner: None,
        },
        stacks: Observed::Known(SwarmStacks {
            stacks: BTreeMap::from([
                (
                    "production_shop".to_owned(),
                    stack(service("production_shop_web", 1, "")),
                ),
                (
                    "dev2_shop".to_owned(),
                    stack(service("dev2_shop_web", 1, "")),
                ),
            ]),
        }),
        known_stacks: vec!["shop".into()],
        guest_networks: vec!["192.0.2.1/24".parse().unwrap()],
    }
}

fn view(seen: &mut Seen) -> &mut SwarmView {
    match &mut seen.managers.view {
        Observed::Known((_, view)) => view,
        Observed::Unknown(reason) => panic!("{reason}"),
    }
}

fn services(seen: &mut Seen, stack: &str) -> Vec<ServiceStatus> {
    match &mut seen.stacks {
        Observed::Known(stacks) => stacks.stacks.remove(stack).unwrap().services,
        Observed::Unknown(reason) => panic!("{reason}"),
    }
}

fn put(seen: &mut Seen, stack: &str, service: ServiceStatus) {
    services(seen, stack);
    if let Observed::Known(stacks) = &mut seen.stacks {
        let services = vec![service];
        stacks.stacks.insert(stack.into(), StackStatus { services });
    }
}

/// The stack's one service does not run.
fn fails(seen: &mut Seen, stack: &str, error: &str) {
    let name = format!("{stack}_web");
    put(seen, stack, service(&name, 0, error));
}

fn guest(seen: &mut Seen, number: u32) -> &mut Declared {
    seen.declared.get_mut(&vmid(number)).unwrap()
}

/// The findings, `subject | reason | next step`.
fn findings(report: &Report) -> Vec<String> {
    let findings = report.findings.iter();
    findings
        .map(|finding| {
            format!(
                "{} | {} | {}",
                finding.subject, finding.reason, finding.next_step
            )
        })
        .collect()
}

#[test]
fn nothing_wrong_is_healthy() {
    let report = judge(&healthy());
    assert_eq!(findings(&report), [""; 0]);
    assert!(report.healthy && report.notes.is_empty());
    let quorum = report.quorum.unwrap();
    assert_eq!(
        (quorum.managers, quorum.reachable, quorum.needed),
        (1, 1, 1)
    );
    let lines = table::lines(&report).join(" ");
    let lines: Vec<&str> = lines.split_whitespace().collect();
    let lines = lines.join(" ");
    for wanted in [
        "Swarm default: healthy; 1 of 1 managers reachable (1 needed); seen by guest 1001",
        "vm1001 1001 manager ready active leader gpu=true",
        "vm1002 1002 worker ready active - gpu=true",
        "production_shop production_shop_web 1/1 shop:2 8080->80/tcp (host)",
    ] {
        assert!(lines.contains(wanted), "no {wanted:?} in {lines}");
    }
    assert!(!lines.contains("phoenix.vmid"), "{lines}");
}

type Case<'case> = (fn(&mut Seen), &'case [&'case str]);

/// Each change of a healthy Swarm must give these findings, by their beginnings, and no others.
fn check(cases: &[Case<'_>]) {
    for (change, wanted) in cases {
        let mut seen = healthy();
        change(&mut seen);
        let report = judge(&seen);
        let found = findings(&report);
        assert!(!report.healthy);
        assert_eq!(found.len(), wanted.len(), "{found:#?}");
        for (found, wanted) in found.iter().zip(*wanted) {
            assert!(found.starts_with(wanted), "{found:?}, wanted {wanted:?}");
        }
    }
}

#[test]
fn every_node_that_is_not_well_says_why_and_what_next() {
    check(&[
        (
            |seen| {
                view(seen).nodes[1].state = "down".into();
                guest(seen, 1002).host = Observed::Known(HostState::Stopped);
            },
            &["node vm1002 | the node is down (guest 1002 is stopped) | qm start 1002"],
        ),
        (
            |seen| guest(seen, 1002).host = Observed::Known(HostState::Stopped),
            &[
                "node vm1002 | the Swarm has not noticed yet that the node is off (guest 1002 is stopped) | qm start 1002",
            ],
        ),
        (
            |seen| {
                view(seen).nodes[1].state = "down".into();
                view(seen).nodes[1].labels.clear();
            },
            &[
                "node vm1002 | the node is down (no declared guest of this Swarm stands behind it) | if it is gone for good: docker node rm --force id1002 in guest 1001",
                "guest 1002 | declared as worker, but no node has its label | phoenix swarm join 1002",
            ],
        ),
        (
            |seen| {
                let mut old = node(1002, SwarmRole::Worker);
                old.id = "old".into();
                old.state = "down".into();
                view(seen).nodes.push(old);
            },
            &[
                "node vm1002 | the node is down (an entry of an earlier life of guest 1002) | phoenix run 1002 post-start removes it",
            ],
        ),
        (
            |seen| view(seen).nodes[0].reachability = "unreachable".into(),
            &[
                "node vm1001 | the manager is unreachable (guest 1001 runs) | phoenix run 1001 post-start",
            ],
        ),
        (
            |seen| view(seen).default_address_pool = vec!["192.0.0.0/8".into()],
            &["address pool 192.0.0.0/8 | it overlaps the guests' network 192.0.2.0/24"],
        ),
    ]);
}

#[test]
fn every_stack_that_is_not_well_says_why_and_what_next() {
    check(&[
        (
            |seen| fails(seen, "dev2_shop", "No such image: shop:2"),
            &[
                "service dev2_shop_web | 0 of 1 tasks run: No such image: shop:2 | check that shop:2 exists and that the nodes reach its registry, then phoenix swarm deploy shop --env dev2",
            ],
        ),
        (
            |seen| fails(seen, "production_shop", "task: non-zero exit (1)"),
            &[
                "service production_shop_web | 0 of 1 tasks run: task: non-zero exit (1) | docker service ps --no-trunc production_shop_web and docker service logs production_shop_web in guest 1001, then phoenix run 1002 post-start",
            ],
        ),
        (
            |seen| fails(seen, "dev2_shop", "no suitable node (1 node not available)"),
            &[
                "service dev2_shop_web | 0 of 1 tasks run: no suitable node (1 node not available) | start the node it is bound to",
            ],
        ),
        (
            |seen| drop(services(seen, "production_shop")),
            &[
                "stack production_shop | declared for guest 1002, but not deployed | phoenix run 1002 post-start",
            ],
        ),
        (
            |seen| seen.stacks = Observed::unknown("guest 1001: no answer"),
            &["stacks of Swarm default | they could not be seen: guest 1001: no answer"],
        ),
    ]);
}

#[test]
fn without_a_manager_each_says_why_and_what_next() {
    check(&[
        (
            |seen| {
                seen.managers.view = Observed::unknown("no leader");
                let off = Observed::unknown("it is stopped");
                seen.managers.managers.insert(vmid(1003), off);
                let mut off = declared(SwarmRole::Manager, &[]);
                off.host = Observed::Known(HostState::Stopped);
                seen.declared.insert(vmid(1003), off);
            },
            &[
                "manager guest 1001 | no leader | start the other managers; if they are lost for good: docker swarm init --force-new-cluster",
                "manager guest 1003 | guest 1003 is stopped | qm start 1003",
            ],
        ),
        (
            |seen| {
                seen.managers.view = Observed::unknown("no manager guest is in a cluster");
                seen.managers.managers.clear();
            },
            &["swarm default | no guest is declared as its manager | give one guest"],
        ),
    ]);
}

#[test]
fn two_clusters_are_named() {
    let mut seen = healthy();
    let mut other = manager();
    if let Membership::Manager { cluster_id, .. } = &mut other.membership {
        *cluster_id = "d".into();
    }
    let managers = &mut seen.managers.managers;
    managers.insert(vmid(1003), Observed::Known(Some(other)));
    let found = findings(&judge(&seen));
    assert!(
        found[0].starts_with("guests 1001 and 1003 | they are managers of two clusters, c and d"),
        "{found:?}"
    );
}

#[test]
fn a_drained_node_and_an_even_number_of_managers_are_only_noted() {
    let mut seen = healthy();
    view(&mut seen).nodes[1].role = SwarmRole::Manager;
    view(&mut seen).nodes[1].reachability = "reachable".into();
    view(&mut seen).nodes[1].availability = Availability::Drain;
    let report = judge(&seen);
    assert!(report.healthy, "{report:?}");
    assert_eq!(report.notes.len(), 2, "{:?}", report.notes);
}

#[test]
fn an_entry_of_an_earlier_life_is_only_noted_until_it_is_down() {
    let mut seen = healthy();
    let mut old = node(1002, SwarmRole::Worker);
    old.id = "old".into();
    view(&mut seen).nodes.push(old);
    let report = judge(&seen);
    assert!(report.healthy, "{report:?}");
    assert!(report.notes[0].starts_with("guest 1002 has two entries"));
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    guest(&mut seen, 1002).host = Observed::Known(HostState::Stopped);
    let found = findings(&judge(&seen));
    let off = |text: &String| text.contains("guest 1002 is stopped");
    assert!(found.len() == 2 && found.iter().all(off), "{found:?}");
}

#[test]
fn foreign_text_steers_no_terminal() {
    let mut seen = healthy();
    view(&mut seen).nodes[1].hostname = "\u{1b}[2Jvm".into();
    view(&mut seen).nodes[1].state = "do\nwn".into();
    put(
        &mut seen,
        "dev2_shop",
        service("dev2\u{7}", 0, "\u{202e}evil"),
    );
    let lines = table::lines(&judge(&seen)).join("|");
    let raw = lines.contains(['\u{1b}', '\u{7}', '\u{202e}']);
    assert!(!raw && !lines.contains("do\nwn"), "{lines:?}");
}
