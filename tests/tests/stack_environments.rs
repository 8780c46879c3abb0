//! Twenty environments of one stack on one dockerd, and ports that two of them want.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

#[expect(dead_code, reason = "shared; each test program uses a part")]
#[path = "stack_deploy/manager.rs"]
mod manager;

use std::time::Instant;

use manager::Manager;
use phoenix_common::log::Chain;
use phoenix_common::spec::StackSpec;
use phoenix_common::wire::FailureKind;
use phoenix_guest_agent::docker::engine::Engine;
use phoenix_guest_agent::failure::Failure;
use phoenix_guest_agent::stack;
use phoenix_tests::lab::Suite;

const ENVIRONMENTS: usize = 20;

/// Every part a stack can have but ports, which nodes have once.
const SHOP: &str = r#"
services:
  web:
    image: "${IMAGE}"
    stop_grace_period: 1s
    configs: [c]
    secrets: [s]
configs: {c: {file: c}}
secrets: {s: {file: s}}
"#;

fn shop(environment: &str) -> StackSpec {
    let mut spec = manager::spec(&format!("{environment}_shop"), SHOP);
    spec.files = manager::files(&[("c", environment), ("s", environment)]);
    spec
}

/// With an engine connection of its own, as another process would have.
fn deploy_beside_others(socket: &std::path::Path, spec: &StackSpec) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(async {
        let engine = Engine::connect(socket).await.unwrap();
        stack::deploy(&engine, spec, &mut |_| {}).await
    });
    let failure = report.err().map(|error| Chain(&error).to_string());
    assert_eq!(failure, None, "{}", spec.namespace);
}

/// The running container of an environment's web.
fn container(manager: &Manager, environment: &str) -> String {
    let filter = format!("--filter label=com.docker.swarm.service.name={environment}_shop_web");
    manager.docker(&format!("ps -q --filter status=running {filter}"))
}

fn remove_beside_others(socket: &std::path::Path, namespace: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(async {
        let engine = Engine::connect(socket).await.unwrap();
        stack::remove(&engine, namespace, 60, &mut |_| {}).await
    });
    let failure = report.err().map(|error| Chain(&error).to_string());
    assert_eq!(failure, None, "{namespace}");
}

#[test]
fn twenty_environments_live_side_by_side() {
    let Some(manager) = Manager::up(Suite::Bookworm) else {
        return;
    };
    let started = Instant::now();
    let names: Vec<String> = (1..=ENVIRONMENTS)
        .map(|number| format!("env{number}"))
        .collect();
    let socket = manager.guest().path("/run/docker.sock").unwrap();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| deploy_beside_others(&socket, &shop(name)));
        }
    });
    eprintln!(
        "{ENVIRONMENTS} environments up after {:?}",
        started.elapsed()
    );

    cannot_reach_each_other(&manager, &names);
    eprintln!("looked up and asked after {:?}", started.elapsed());

    all_go_without_trace(&manager, &names);
    eprintln!("all gone after {:?}", started.elapsed());
}

fn cannot_reach_each_other(manager: &Manager, names: &[String]) {
    let address = |name: &str| {
        let key = format!("{name}_shop_default");
        let told = manager.docker(&format!("inspect {}", container(manager, name)));
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let networks = &told[0]["NetworkSettings"]["Networks"];
        // Names are known within a network alone, and this is its only one.
        assert_eq!(networks.as_object().unwrap().len(), 1, "{networks}");
        let network = &networks[&key];
        network["IPAddress"].as_str().unwrap().to_owned()
    };
    let inside = |from: &str, argv: &[&str]| {
        let container = container(manager, from);
        let argv = [
            &[
                "docker", "exec", &container, "busybox", "timeout", "2", "busybox",
            ],
            argv,
        ]
        .concat();
        manager.guest().run(&argv).unwrap()
    };
    let fetch = |from: &str, host: &str| {
        let url = format!("http://{host}/");
        inside(from, &["wget", "-q", "-O", "-", &url])
    };
    let reaches = |from: &str, host: &str| fetch(from, host).success();
    // The engine's resolver answers for the networks of the container that asks.
    let knows = |from: &str, name: &str| inside(from, &["nslookup", name]).success();
    for (name, next) in names.iter().zip(names.iter().cycle().skip(1)).step_by(5) {
        assert!(reaches(name, &address(name)), "{name} reaches itself");
        assert!(!reaches(name, &address(next)), "{name} -> {next}");
        // Its own service has the short name and the whole one; those of another environment none.
        for own in ["tasks.web".to_owned(), format!("tasks.{name}_shop_web")] {
            assert!(knows(name, &own), "{name} knows {own}");
        }
        for other in [format!("{next}_shop_web"), format!("tasks.{next}_shop_web")] {
            assert!(!knows(name, &other), "{name} knows {other}");
        }
        // The same short name is another service in each.
        let answer = fetch(name, "tasks.web").stdout;
        assert!(
            answer.starts_with(&container(manager, name)[..12]),
            "{name}: {answer}"
        );
    }
}

fn all_go_without_trace(manager: &Manager, names: &[String]) {
    // One goes, the others stay as they are; then all, without trace.
    let before = container(manager, "env2");
    manager.remove("env1_shop").unwrap();
    assert_eq!(manager.left_of("env1_shop"), "");
    assert_eq!(container(manager, "env2"), before);
    let socket = manager.guest().path("/run/docker.sock").unwrap();
    std::thread::scope(|scope| {
        for name in names.iter().skip(1) {
            let socket = &socket;
            scope.spawn(move || remove_beside_others(socket, &format!("{name}_shop")));
        }
    });
    for name in names {
        assert_eq!(manager.left_of(&format!("{name}_shop")), "", "{name}");
    }
    for list in [
        "service ls -q",
        "config ls -q",
        "secret ls -q",
        "ps -aq",
        "network ls -q --filter name=_shop_",
    ] {
        assert_eq!(manager.docker(list), "", "{list}");
    }
}

fn publishing(port: &str, more: &str) -> String {
    format!(
        "services: {{web: {{image: \"${{IMAGE}}\", stop_grace_period: 1s, ports: [{port}]{more}}}}}"
    )
}

fn pinned(vmid: u32) -> String {
    format!(", deploy: {{placement: {{constraints: [node.labels.phoenix.vmid == {vmid}]}}}}")
}

#[test]
fn a_port_has_one_owner() {
    let Some(manager) = Manager::up(Suite::Bookworm) else {
        return;
    };
    let mut first = manager::spec(
        "dev1_shop",
        &publishing("{target: 80, published: 8080}", ""),
    );
    first.wait_seconds = 0;
    // The tasks may not run without the kernel's ip_vs: what counts is the write.
    let _ = manager.deploy(&first);
    let mut host = manager::spec(
        "dev1_host",
        &publishing("{target: 80, published: 8081, mode: host}", &pinned(1001)),
    );
    host.wait_seconds = 0;
    let _ = manager.deploy(&host);
    let writes = manager.writes().len();
    for (port, more, wanted) in [
        ("\"8080:80\"", String::new(), Some("dev1_shop_web")),
        (
            "{target: 80, published: 8080, mode: host}",
            String::new(),
            Some("dev1_shop_web"),
        ),
        ("\"8081:80\"", String::new(), Some("dev1_host_web")),
        (
            "{target: 80, published: 8081, mode: host}",
            pinned(1001),
            Some("dev1_host_web"),
        ),
        (
            "{target: 80, published: 8081, mode: host}",
            pinned(1002),
            None,
        ),
        (
            "{target: 80, published: 8080, protocol: udp}",
            String::new(),
            None,
        ),
        ("\"80\"", String::new(), None),
    ] {
        let spec = manager::spec("dev2_shop", &publishing(port, &more));
        let plan = manager.plan(&spec);
        let Some(owner) = wanted else {
            assert!(plan.is_ok(), "{port} {more}: {}", Chain(&plan.unwrap_err()));
            continue;
        };
        let error = plan.unwrap_err();
        let text = Chain(&error).to_string();
        assert!(
            text.contains("of service dev2_shop_web is published by service")
                && text.contains(owner),
            "{port} {more}: {text}"
        );
        assert_eq!(error.kind(), FailureKind::Refused);
        assert!(manager.deploy(&spec).0.is_err());
    }
    assert_eq!(manager.writes().len(), writes);
    // Its own ports are no clash.
    assert_eq!(manager.plan(&first).unwrap().changes, []);
    assert_eq!(manager.plan(&host).unwrap().changes, []);
}
