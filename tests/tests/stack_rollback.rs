//! `on_failure: rollback_stack` on a real dockerd: the whole stack comes back.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

#[expect(dead_code, reason = "shared; each test program uses a part")]
#[path = "stack_deploy/manager.rs"]
mod manager;

use std::collections::BTreeMap;

use manager::Manager;
use phoenix_common::log::Chain;
use phoenix_common::spec::{OnFailure, StackSpec};
use phoenix_guest_agent::stack::StackError;
use phoenix_tests::lab::Suite;

const SERVICE: &str = "image: \"${IMAGE}\", stop_grace_period: 1s, environment: {VERSION: \"${VERSION}\"}, \
    deploy: {update_config: {monitor: 3s}}";

/// Five services; `a` mounts a config.
fn five() -> String {
    let plain = |key: &str| format!("  {key}: {{{SERVICE}}}\n");
    format!(
        "services:\n  a: {{{SERVICE}, configs: [c]}}\n{}configs: {{c: {{file: c}}}}\n",
        ["b", "c", "d", "e"].map(plain).concat()
    )
}

/// All five change, `e` is never healthy; `f` and its network are new.
fn broken() -> String {
    let sick = "healthcheck: {test: [CMD, \"false\"], interval: 1s, retries: 1}";
    five()
        .replace("  e: {", &format!("  e: {{{sick}, "))
        .replace(
            "configs: {c: ",
            &format!("  f: {{{SERVICE}, networks: [new]}}\nnetworks: {{new: }}\nconfigs: {{c: "),
        )
}

/// The specs as the engine tells them.
fn specs(manager: &Manager) -> BTreeMap<String, String> {
    let names = manager.docker("service ls --format {{.Name}}");
    names
        .lines()
        .map(|name| {
            let told = manager.docker(&format!("service inspect {name}"));
            let told: serde_json::Value = serde_json::from_str(&told).unwrap();
            let spec = told[0]["Spec"].to_string();
            (name.to_owned(), spec)
        })
        .collect()
}

fn failed(manager: &Manager, spec: &StackSpec) -> (String, Vec<String>) {
    let (report, said) = manager.deploy(spec);
    let error = report.unwrap_err();
    assert!(
        matches!(error, StackError::RolledBack { .. }),
        "{}",
        Chain(&error)
    );
    (Chain(&error).to_string(), said)
}

#[test]
fn one_sick_service_takes_the_stack_back() {
    let Some(manager) = Manager::up(Suite::Bookworm) else {
        return;
    };
    let mut spec = manager::spec("dev1_five", &five());
    spec.files = manager::files(&[("c", "first")]);
    spec.on_failure = OnFailure::RollbackStack;
    manager.deploy(&spec).0.unwrap();
    let recorded = specs(&manager);
    assert_eq!(recorded.len(), 5);
    let tasks = "ps -q --filter label=com.docker.swarm.service.name=dev1_five_e";
    let before = manager.docker(tasks);

    manager::set(&mut spec, "VERSION", "2");
    spec.compose.text = broken();
    spec.files = manager::files(&[("c", "second")]);
    let (text, said) = failed(&manager, &spec);
    for words in [
        "stack dev1_five was rolled back and runs as before the deploy",
        "e 0/1 running: its task ended with exit code 0: its health check failed",
    ] {
        assert!(text.contains(words), "{text}\n{said:?}");
    }
    assert_eq!(specs(&manager), recorded, "all five, and no sixth");
    assert_ne!(manager.docker(tasks), before, "it was tried");
    let names = |kind: &str| manager.docker(&format!("{kind} ls --format {{{{.Name}}}}"));
    assert_eq!(names("config"), "dev1_five_c");
    assert!(
        !names("network").contains("dev1_five_new"),
        "{}",
        names("network")
    );
    // What is there is the first file's stack again.
    spec.compose.text = five();
    manager::set(&mut spec, "VERSION", "1");
    spec.files = manager::files(&[("c", "first")]);
    assert_eq!(manager.plan(&spec).unwrap().changes, []);

    a_dropped_service_returns(&manager, &spec);
    the_default_leaves_it(&manager, spec, &recorded);
}

/// Services that the file no longer has are removed first; they come back, too. The engine refuses
/// half-way here: no wait.
fn a_dropped_service_returns(manager: &Manager, spec: &StackSpec) {
    let recorded = specs(manager);
    let mut spec = spec.clone();
    let taken = "\n  z: {image: \"${IMAGE}\", volumes: [{type: npipe, source: x, target: /y}]}\n";
    spec.compose.text = five()
        .replace(&format!("  b: {{{SERVICE}}}\n"), "")
        .replace(
            "configs: {c: {file",
            &format!("{taken}configs: {{c: {{file"),
        );
    manager::set(&mut spec, "VERSION", "3");
    spec.wait_seconds = 20;
    let (text, said) = failed(manager, &spec);
    assert!(
        said.iter()
            .any(|line| line == "service dev1_five_b: removed"),
        "{said:?}"
    );
    assert!(
        said.iter()
            .any(|line| line == "service dev1_five_b: created"),
        "{said:?}"
    );
    assert!(
        text.contains("dev1_five_z") || text.contains("z 0/1"),
        "{text}"
    );
    assert_eq!(specs(manager), recorded);
}

/// Without the wish for it, what works of the new stays.
fn the_default_leaves_it(
    manager: &Manager,
    mut spec: StackSpec,
    recorded: &BTreeMap<String, String>,
) {
    spec.on_failure = OnFailure::None;
    spec.compose.text = broken();
    manager::set(&mut spec, "VERSION", "2");
    let error = manager.deploy(&spec).0.unwrap_err();
    assert!(matches!(error, StackError::NotRunning { .. }), "{error}");
    let now = specs(manager);
    assert_eq!(now.len(), 6);
    assert_ne!(now["dev1_five_b"], recorded["dev1_five_b"]);

    // A first deploy that fails leaves nothing.
    let mut first = manager::spec(
        "dev2_five",
        "services: {a: {image: \"${IMAGE}\", command: /none}}",
    );
    first.on_failure = OnFailure::RollbackStack;
    first.wait_seconds = 5;
    let (text, _) = failed(manager, &first);
    assert!(text.contains("/none"), "{text}");
    // Containers of a removed service end by and by.
    let gone = || Ok(Some(manager.left_of("dev2_five")).filter(|left| !left.is_empty()));
    let limit = std::time::Duration::from_secs(30);
    manager.guest().wait("nothing left", limit, gone).unwrap();
}
