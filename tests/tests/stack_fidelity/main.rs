//! The same compose files by the docker CLI and by us, on one real Docker 26.1: after ours docker's deploy
//! changes no task, and after docker's ours writes nothing.
//!
//! The cases are the accepted ones of the stack corpus: our own, all of the folder that
//! `PHOENIX_STACK_CORPUS` names, else every third of `../shared/stack-corpus` beside the workspace where that
//! is. The node is drained, so the engine makes tasks and starts none: no image is needed. One more stack runs
//! for real, with its image resolved by both.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program: its panic is its report"
)]

#[expect(dead_code, reason = "shared; each test program uses a part")]
#[path = "../../../guest-agent/tests/corpus_support/case.rs"]
mod case;
mod deployer;
mod swarm;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use case::Case;
use deployer::Deployer;
use swarm::{AGENT, Swarm, Tasks};

/// As the issue asks; more are compared.
const LEAST_CASES: usize = 30;
/// Of a corpus beside the workspace.
const EVERY: usize = 3;

/// Cases that differ on purpose. Were one equal, it would have to go from here.
const DELIBERATE: [(&str, &str); 2] = [
    (
        "syn-ports-short",
        "docker before 29 sorts ports by the published number alone, ours is the order of 29",
    ),
    (
        "syn-volumes-long",
        "docker before 28 drops a volume's subpath, which this engine keeps",
    ),
];

#[test]
fn neither_finds_anything_to_do_after_the_other() {
    let Some(swarm) = Swarm::up() else { return };
    swarm.docker("node update --availability drain vm1001");
    let mut tally = Tally::default();
    for (name, case) in &accepted() {
        let started = Instant::now();
        match compare(&swarm, case) {
            Ok(differences) => tally.note(name, &differences),
            Err(refusal) => println!("{name}: skipped, this docker refuses it: {refusal}"),
        }
        if started.elapsed().as_secs() >= 5 {
            println!("{name}: took {:?}", started.elapsed());
        }
    }
    println!("{} cases equal on a real engine", tally.equal);
    assert!(
        tally.differences.is_empty(),
        "{} cases differ:\n{}",
        tally.differences.len(),
        tally.differences.join("\n")
    );
    assert!(tally.equal >= LEAST_CASES, "only {} cases", tally.equal);
}

#[derive(Default)]
struct Tally {
    equal: usize,
    differences: Vec<String>,
}

impl Tally {
    fn note(&mut self, name: &str, differences: &[String]) {
        let deliberate = DELIBERATE.iter().find(|(case, _)| *case == name);
        match (deliberate, differences.is_empty()) {
            (None, true) => self.equal += 1,
            (None, false) => self
                .differences
                .push(format!("{name}: {}", differences.join("\n  "))),
            (Some((_, why)), false) => println!("{name}: differs on purpose: {why}"),
            (Some(_), true) => self
                .differences
                .push(format!("{name}: is equal and stands as a difference")),
        }
    }
}

/// The cases that docker 28 took, by name.
fn accepted() -> BTreeMap<String, Case> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = tests.join("../guest-agent/tests/fixtures/stack-corpus");
    let (outside, every) = match std::env::var_os("PHOENIX_STACK_CORPUS") {
        Some(folder) => (PathBuf::from(folder), 1),
        None => (tests.join("../../shared/stack-corpus"), EVERY),
    };
    let mut cases = BTreeMap::new();
    for (folder, every) in [(outside, every), (own, 1)] {
        if !folder.is_dir() {
            println!("skipped, not there: {}", folder.display());
            continue;
        }
        let taken = |case: &Case| case.steps.iter().all(|step| step.exit_code == 0);
        let all = Case::all(&folder).into_iter().filter(taken);
        cases.extend(all.step_by(every).map(|case| (case.name.clone(), case)));
    }
    cases
}

/// What differs; or docker's refusal.
fn compare(swarm: &Swarm, case: &Case) -> Result<Vec<String>, String> {
    let last = case.steps.len() - 1;
    swarm.provide(case);
    let mut differences = Vec::new();

    let first = deploy_all(swarm, case, Deployer::Docker);
    if first.is_ok() {
        if let Err(change) = writes_nothing(swarm, case, last) {
            differences.push(format!("ours after docker's: {change}"));
        }
        swarm.remove(&case.stack);
        differences.extend(docker_after_ours(swarm, case, last));
    }
    swarm.remove(&case.stack);
    swarm.take_back(case);
    first.map(|()| differences)
}

fn docker_after_ours(swarm: &Swarm, case: &Case, last: usize) -> Vec<String> {
    if let Err(refusal) = deploy_all(swarm, case, Deployer::Phoenix) {
        return vec![format!("docker takes it, we refuse: {refusal}")];
    }
    let before = swarm.tasks(&case.stack);
    if let Err(refusal) = Deployer::Docker.deploy(swarm, case, last) {
        return vec![format!("docker refuses it after ours: {refusal}")];
    }
    changed(&before, &swarm.tasks(&case.stack))
}

fn deploy_all(swarm: &Swarm, case: &Case, deployer: Deployer) -> Result<(), String> {
    (0..case.steps.len()).try_for_each(|index| deployer.deploy(swarm, case, index))
}

/// Our deploy of what is there already: no request asks for a change.
fn writes_nothing(swarm: &Swarm, case: &Case, step: usize) -> Result<(), String> {
    let (versions, requests) = (swarm.object_versions(), swarm.writes().len());
    Deployer::Phoenix.deploy(swarm, case, step)?;
    let writes = &swarm.writes()[requests..];
    if !writes.is_empty() {
        return Err(writes.join(", "));
    }
    if versions != swarm.object_versions() {
        return Err("a config or secret was written".to_owned());
    }
    Ok(())
}

/// What docker's deploy did to tasks that ours had made.
fn changed(before: &Tasks, after: &Tasks) -> Vec<String> {
    let mut changes = Vec::new();
    for (service, template) in &after.templates {
        match before.templates.get(service) {
            Some(ours) if ours == template => {}
            Some(ours) => changes.push(format!("{service}: ours {ours}\n  docker's {template}")),
            None => changes.push(format!("{service}: only docker has it")),
        }
    }
    let new: Vec<&String> = after.ids.difference(&before.ids).collect();
    if !new.is_empty() {
        changes.push(format!("docker's deploy started {} tasks anew", new.len()));
    }
    changes
}

/// A config, a secret, a network, a health check and a port; `web` also has another network.
const SHOP: &str = r#"
services:
  web:
    image: "192.168.77.254:5000/web:1"
    stop_grace_period: 1s
    configs: [{source: ini, target: /etc/shop.ini}]
    secrets: [key]
    ports: [{target: 80, published: 8080, mode: host}]
    healthcheck: {test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1/"], interval: 1s, start_period: 30s}
    networks: {front: {aliases: [shop]}, default: {}}
    deploy: {resources: {limits: {memory: 64M}}, update_config: {order: stop-first}}
  side:
    image: "192.168.77.254:5000/web:1"
    stop_grace_period: 1s
    deploy: {replicas: 2, restart_policy: {condition: any, delay: 1s}}
networks: {front: {attachable: true}}
configs: {ini: {file: ini}}
secrets: {key: {file: key}}
"#;

#[test]
fn containers_that_run_go_on_running() {
    let Some(swarm) = Swarm::up() else { return };
    let guest = swarm.guest();
    for (name, text) in [
        ("compose.yml", SHOP),
        ("ini", "first"),
        ("key", "canary-key"),
    ] {
        guest
            .write(&format!("/srv/shop/{name}"), text, 0o644)
            .unwrap();
    }
    let docker = "docker stack deploy --resolve-image always --detach=true -c compose.yml shop";
    let ours =
        format!("{AGENT} stack deploy --resolve-image always --rotate off -c compose.yml shop");
    let deploy = |command: &str| guest.sh(&format!("cd /srv/shop && {command}")).unwrap();
    let containers = || swarm.docker("ps -q --no-trunc --filter status=running");

    deploy(&ours);
    let running = containers();
    assert_eq!(running.lines().count(), 3, "{running}");
    let tasks = swarm.tasks("shop");
    deploy(docker);
    assert_eq!(changed(&tasks, &swarm.tasks("shop")), Vec::<String>::new());
    // What docker wrote is steady: ours finds it so, writes nothing, and the same containers run.
    let writes = swarm.writes().len();
    assert_eq!(deploy(&ours), "nothing to change");
    assert_eq!(swarm.writes()[writes..], [] as [String; 0]);
    assert_eq!(containers(), running);

    // A stack that docker made is taken over as it runs.
    swarm.remove("shop");
    deploy(docker);
    deploy(&ours);
    let writes = swarm.writes();
    let last = writes
        .iter()
        .rposition(|line| line.contains("/services/create"));
    assert_eq!(writes[last.unwrap() + 1..], [] as [String; 0]);
    assert_eq!(containers().lines().count(), 3);
}
