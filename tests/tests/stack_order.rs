//! `depends_on` on a real dockerd: services are created in waves.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

#[expect(dead_code, reason = "shared; each test program uses a part")]
#[path = "stack_deploy/manager.rs"]
mod manager;

use manager::Manager;
use phoenix_common::log::Chain;
use phoenix_guest_agent::stack::StackError;
use phoenix_tests::lab::Suite;

/// `web` waits for a healthy `db` and a finished `migrate`; `migrate` for a started `db`.
const SHOP: &str = r#"
services:
  a-web:
    image: "${IMAGE}"
    stop_grace_period: 1s
    depends_on: {db: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}
  db:
    image: "${IMAGE}"
    stop_grace_period: 1s
    healthcheck: {test: [CMD-SHELL, "test -f /ready || { sleep 3; touch /ready; }"], interval: 1s, timeout: 9s}
  migrate:
    image: "${IMAGE}"
    entrypoint: [sh, -c, "sleep 2"]
    depends_on: [db]
    deploy: {restart_policy: {condition: none}}
"#;

#[test]
fn services_come_in_waves() {
    let Some(manager) = Manager::up(Suite::Bookworm) else {
        return;
    };
    let spec = manager::spec("dev1_shop", SHOP);
    let (report, said) = manager.deploy(&spec);
    report.unwrap();
    let at = |words: &str| {
        let found = said.iter().position(|line| line.starts_with(words));
        found.unwrap_or_else(|| panic!("{words:?} in {said:#?}"))
    };
    assert!(at("service dev1_shop_db: created") < at("service dev1_shop_migrate: created"));
    assert!(at("service dev1_shop_migrate: created") < at("service dev1_shop_a-web: created"));
    assert!(
        at("service dev1_shop_a-web: a-web waits for ") < at("service dev1_shop_a-web: created")
    );
    assert!(
        said.iter().any(|line| line.contains("(wanted: completed)")),
        "{said:#?}"
    );
    // The engine's own clock agrees: the web was made after the migration had ended.
    let created = |service: &str| {
        let told = manager.docker(&format!("service inspect dev1_shop_{service}"));
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        told[0]["CreatedAt"].as_str().unwrap().to_owned()
    };
    let task = manager.docker("service ps -q dev1_shop_migrate");
    let ended: serde_json::Value =
        serde_json::from_str(&manager.docker(&format!("inspect {task}"))).unwrap();
    let ended = ended[0]["Status"]["Timestamp"].as_str().unwrap().to_owned();
    assert!(created("a-web") > ended, "{} {ended}", created("a-web"));
    assert_eq!(manager.plan(&spec).unwrap().changes, []);

    // What runs is not held up: an update of the web alone waits for nobody.
    manager.docker("service scale --detach dev1_shop_db=0");
    let mut changed = spec.clone();
    changed.compose.text = SHOP.replacen("stop_grace_period: 1s", "stop_grace_period: 2s", 1);
    let (report, said) = manager.deploy(&changed);
    assert_eq!(report.unwrap().changes.len(), 1);
    assert!(
        !said.iter().any(|line| line.contains("waits for")),
        "{said:#?}"
    );
    manager.remove("dev1_shop").unwrap();
}

#[test]
fn what_never_comes_ends_the_deploy() {
    let Some(manager) = Manager::up(Suite::Bookworm) else {
        return;
    };
    // A migration that fails for good: no waiting for the deadline.
    let mut spec = manager::spec("dev1_shop", &SHOP.replace("sleep 2", "exit 3"));
    let started = std::time::Instant::now();
    let error = manager.deploy(&spec).0.unwrap_err();
    assert!(matches!(error, StackError::NotRunning { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("a-web waits for "), "{text}");
    assert!(
        text.contains("migrate 0/1 running: task: non-zero exit (3)"),
        "{text}"
    );
    assert!(started.elapsed().as_secs() < 40, "{:?}", started.elapsed());
    assert!(!manager.docker("service ls").contains("a-web"));
    manager.remove("dev1_shop").unwrap();

    // One that is never healthy: bounded by the deadline.
    spec.compose.text = SHOP.replace("touch /ready;", "false;");
    spec.wait_seconds = 6;
    let error = manager.deploy(&spec).0.unwrap_err();
    assert!(
        matches!(error, StackError::DependencyEnded { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("db 0/1 running"), "{error}");
    manager.remove("dev1_shop").unwrap();

    // A circle is a mistake of the file.
    let writes = manager.writes().len();
    let circle = "services: {a: {image: i, depends_on: [b]}, b: {image: i, depends_on: {c: {}}}, c: {image: i, depends_on: [a]}}";
    let error = manager.deploy(&manager::spec("x", circle)).0.unwrap_err();
    let text = Chain(&error).to_string();
    assert!(
        text.contains("services wait for each other: a -> b -> c -> a"),
        "{text}"
    );
    assert_eq!(manager.writes().len(), writes);
}
