//! The stack engine against real dockerds: Docker 20.10 and 26.1.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod manager;

use std::collections::BTreeMap;

use manager::{IMAGE, Manager};
use phoenix_common::spec::Rotate;
use phoenix_guest_agent::stack::StackError;
use phoenix_tests::lab::Suite;

/// Two services, a network, a config, a secret; the web answers with its config at `/file`.
const SHOP: &str = r#"
services:
  web:
    image: ${IMAGE}
    environment: {VERSION: "${VERSION}", FILE: /etc/shop.ini, PASSWORD: "${PASSWORD}"}
    configs: [{source: shop, target: /etc/shop.ini}]
    secrets: [key]
    stop_grace_period: 1s
    ports: [{target: 80, published: 8080, mode: host}]
    healthcheck: {test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1/"], interval: 1s, start_period: 20s}
    networks: [front]
  side:
    image: ${IMAGE}
    stop_grace_period: 1s
    deploy: {replicas: 2}
    networks: [front]
networks: {front: {attachable: true}}
configs: {shop: {file: shop.ini}}
secrets: {key: {file: key}}
"#;

#[test]
fn a_stack_lives_its_life() {
    for suite in Suite::ALL {
        let Some(manager) = Manager::up(suite) else {
            return;
        };
        let mut spec = manager::spec("dev1_shop", SHOP);
        spec.files = manager::files(&[("shop.ini", "first"), ("key", "canary-key")]);

        // The plan names every part and shows no secret.
        let plan = manager.plan(&spec).unwrap();
        let subjects: Vec<&str> = plan
            .changes
            .iter()
            .map(|change| change.subject.as_str())
            .collect();
        assert_eq!(
            subjects,
            [
                "network dev1_shop_front",
                "secret dev1_shop_key",
                "config dev1_shop_shop",
                "service dev1_shop_side",
                "service dev1_shop_web",
            ]
        );
        assert!(manager.writes().is_empty(), "{:?}", manager.writes());

        // It runs, answers, and the engine's own tools know it.
        let (report, said) = manager.deploy(&spec);
        assert_eq!(report.unwrap().changes.len(), 5);
        assert!(
            said.iter().any(|line| line.ends_with("web 1/1 running")),
            "{said:?}"
        );
        assert_eq!(manager.get("8080/file"), "first");
        assert!(manager.docker("stack ls").contains("dev1_shop"));
        let image = manager
            .docker("service inspect -f {{.Spec.TaskTemplate.ContainerSpec.Image}} dev1_shop_web");
        assert!(image.starts_with(&format!("{IMAGE}@sha256:")), "{image}");

        // Again: no write, no version moves.
        let versions = manager.versions();
        let writes = manager.writes().len();
        let (report, _) = manager.deploy(&spec);
        assert!(report.unwrap().changes.is_empty());
        assert_eq!(manager.plan(&spec).unwrap().changes, []);
        assert_eq!(manager.versions(), versions);
        assert_eq!(manager.writes().len(), writes);

        one_service_moves(&manager, &mut spec, &versions);
        contents_rotate(&manager, &mut spec);
        a_scale_by_hand_stays(&manager, &spec);

        // Gone, and gone again.
        let report = manager.remove("dev1_shop").unwrap();
        assert_eq!(report.changes.len(), 5, "{report:?}");
        assert_eq!(manager.left_of("dev1_shop"), "");
        assert!(manager.remove("dev1_shop").unwrap().changes.is_empty());
    }
}

fn one_service_moves(
    manager: &Manager,
    spec: &mut phoenix_common::spec::StackSpec,
    versions: &BTreeMap<String, u64>,
) {
    manager::set(spec, "VERSION", "2");
    manager::set(spec, "PASSWORD", "canary-password-2");
    let plan = manager.plan(spec).unwrap();
    let shown = format!("{:?}", plan.changes);
    assert!(
        shown.contains("Env[VERSION]") && !shown.contains("canary"),
        "{shown}"
    );
    let (report, _) = manager.deploy(spec);
    assert_eq!(report.unwrap().changes.len(), 1);
    let now = manager.versions();
    assert_eq!(now["dev1_shop_side"], versions["dev1_shop_side"]);
    assert!(now["dev1_shop_web"] > versions["dev1_shop_web"]);
    assert!(
        manager.get("8080/").ends_with(" 2"),
        "{}",
        manager.get("8080/")
    );
}

fn contents_rotate(manager: &Manager, spec: &mut phoenix_common::spec::StackSpec) {
    spec.files = manager::files(&[("shop.ini", "second"), ("key", "other-key")]);
    let (report, _) = manager.deploy(spec);
    let report = report.unwrap();
    assert_eq!(
        report.changes.len(),
        5,
        "two new, one service, two old: {report:?}"
    );
    assert_eq!(report.warnings, [] as [String; 0]);
    assert_eq!(manager.get("8080/file"), "second");
    let configs = manager.docker("config ls --format {{.Name}}");
    assert!(
        configs.starts_with("dev1_shop_shop_") && configs.lines().count() == 1,
        "{configs}"
    );
    assert_eq!(manager.plan(spec).unwrap().changes, []);
}

fn a_scale_by_hand_stays(manager: &Manager, spec: &phoenix_common::spec::StackSpec) {
    manager.docker("service scale --detach dev1_shop_web=0");
    let plan = manager.plan(spec).unwrap();
    assert_eq!(plan.changes, [], "the file names no replicas for web");
    manager.docker("service scale --detach dev1_shop_web=1");
    let (report, _) = manager.deploy(spec);
    assert!(
        report.unwrap().changes.is_empty(),
        "waits for the task, writes nothing"
    );
    assert_eq!(manager.get("8080/file"), "second");
}

#[test]
fn failures_have_their_reason() {
    let Some(manager) = Manager::up(Suite::Bookworm) else {
        return;
    };
    let missing =
        "services: {web: {image: \"192.168.77.254:5000/none:1\"}, ok: {image: \"${IMAGE}\"}}";
    let mut spec = manager::spec("bad", missing);
    spec.wait_seconds = 8;
    let (report, said) = manager.deploy(&spec);
    let error = report.unwrap_err();
    assert!(matches!(error, StackError::WaitEnded { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("web 0/1 running: No such image"), "{text}");
    assert!(!text.contains("ok "), "{text}");
    assert!(
        said.iter().any(|line| line.contains("No such image")),
        "{said:?}"
    );

    // Mended by the next deploy: only the bad service moves.
    spec.compose.text = missing.replace("none:1", "web:1");
    spec.wait_seconds = 60;
    let (report, _) = manager.deploy(&spec);
    assert_eq!(report.unwrap().changes.len(), 1);

    // An update that cannot work is paused by the engine: an end, not a time-out.
    spec.compose.text = missing
        .replace("web: {", "web: {command: /none, ")
        .replace("none:1", "web:1");
    let started = std::time::Instant::now();
    let error = manager.deploy(&spec).0.unwrap_err();
    assert!(matches!(error, StackError::NotRunning { .. }), "{error}");
    assert!(error.to_string().contains("/none"), "{error}");
    assert!(started.elapsed().as_secs() < 55, "{:?}", started.elapsed());
    manager.remove("bad").unwrap();

    // Found before the first write.
    let writes = manager.writes().len();
    for (compose, wanted) in [
        (
            "services: {a: {image: i, networks: [n]}}\nnetworks: {n: {external: true}}",
            "network n is declared as external",
        ),
        (
            "services: {a: {image: i, configs: [c]}}\nconfigs: {c: {external: true}}",
            "config c, used by service x_a",
        ),
        (
            "services: {a: {image: i, imagee: i}}",
            "compose.yml:1:26: services.a: unknown key `imagee`; did you mean \"image\"?",
        ),
        (
            "services: {a: {image: i, configs: [c]}}\nconfigs: {c: {file: ./c.txt}}",
            "file \"./c.txt\" was not given",
        ),
    ] {
        let error = manager.deploy(&manager::spec("x", compose)).0.unwrap_err();
        let text = phoenix_common::log::Chain(&error).to_string();
        assert!(text.contains(wanted), "{text}");
    }
    assert_eq!(manager.writes().len(), writes);
}

/// What `docker stack deploy` made is ours to carry on: nothing to change, on both engines.
#[test]
fn a_stack_of_the_docker_cli_is_adopted() {
    for suite in Suite::ALL {
        let Some(manager) = Manager::up(suite) else {
            return;
        };
        let compose = SHOP
            .replace("${IMAGE}", IMAGE)
            .replace("${VERSION}", "1")
            .replace("${PASSWORD}", "canary-password");
        let written = format!("version: \"3.8\"\n{compose}");
        for (name, text) in [
            ("shop.ini", "first"),
            ("key", "the-key"),
            ("compose.yml", &written),
        ] {
            let path = format!("/root/shop/{name}");
            manager.guest().write(&path, text, 0o644).unwrap();
        }
        manager.docker("stack deploy -c /root/shop/compose.yml dev1_shop");
        let mut spec = manager::spec("dev1_shop", &compose);
        spec.files = manager::files(&[("shop.ini", "first"), ("key", "the-key")]);
        for rotate in [Rotate::On, Rotate::Off] {
            spec.rotate = rotate;
            let versions = manager.object_versions();
            assert_eq!(manager.plan(&spec).unwrap().changes, [], "{suite}");
            let (report, _) = manager.deploy(&spec);
            assert!(report.unwrap().changes.is_empty());
            assert_eq!(manager.object_versions(), versions, "{suite}");
        }
        spec.files = manager::files(&[("shop.ini", "first"), ("key", "another")]);
        let refused = phoenix_common::log::Chain(&manager.plan(&spec).unwrap_err()).to_string();
        assert!(
            refused.contains("secret dev1_shop_key exists with other content"),
            "{suite}: {refused}"
        );
        assert_eq!(manager.get("8080/file"), "first");
        // And the other way round: its tools remove it.
        manager.docker("stack rm dev1_shop");
    }
}

#[test]
fn killed_after_any_write_the_next_deploy_finishes() {
    let Some(manager) = Manager::up(Suite::Bookworm) else {
        return;
    };
    let mut spec = manager::spec("dev1_shop", SHOP);
    spec.files = manager::files(&[("shop.ini", "first"), ("key", "canary-key")]);
    let names = |kind: &str| {
        let list = manager.docker(&format!("{kind} ls --format {{{{.Name}}}}"));
        list.lines()
            .filter(|name| name.starts_with("dev1_"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for writes in 1..=5 {
        manager.deploy_and_die(&spec, writes);
        let (report, said) = manager.deploy(&spec);
        report.unwrap_or_else(|error| panic!("after {writes} writes: {error}\n{said:?}"));
        assert_eq!(names("network"), ["dev1_shop_front"]);
        assert_eq!(names("config"), ["dev1_shop_shop"]);
        assert_eq!(names("secret"), ["dev1_shop_key"]);
        let mut services = names("service");
        services.sort();
        assert_eq!(services, ["dev1_shop_side", "dev1_shop_web"]);
        assert_eq!(manager.get("8080/file"), "first");
        assert_eq!(manager.plan(&spec).unwrap().changes, []);
        manager.remove("dev1_shop").unwrap();
        assert_eq!(manager.left_of("dev1_shop"), "");
    }
}
