//! Configs and secrets with and without `rotate`, by the real binary against an engine that answers as Docker does.

#![cfg(test)]

mod support;

use serde_json::{Value, json};
use support::manager::{Manager, plain};

const COMPOSE: &str = "services: {web: {image: i, configs: [app], secrets: [key]}}
configs: {app: {file: app}}\nsecrets: {key: {file: key}}";

/// base64 of one, two.
const ONE: &str = "b25l";
const TWO: &str = "dHdv";

fn stack(rotate: &str, [app, key]: [&str; 2]) -> Value {
    let mut spec = plain(COMPOSE);
    spec["rotate"] = json!(rotate);
    spec["files"] = json!([
        {"name": "app", "content_base64": app},
        {"name": "key", "content_base64": key},
    ]);
    spec
}

fn names(manager: &Manager, kind: &str) -> Vec<String> {
    let swarm = manager.swarm();
    let objects = swarm.objects.get(kind).into_iter().flatten();
    let name = |object: &Value| object["Spec"]["Name"].as_str().unwrap().to_owned();
    objects.map(name).collect()
}

/// As `docker stack deploy` leaves them: no label of ours.
fn made_by_docker(manager: &Manager) {
    let labels = json!({"com.docker.stack.namespace": "dev1_shop"});
    for (kind, name) in [("configs", "dev1_shop_app"), ("secrets", "dev1_shop_key")] {
        manager
            .swarm()
            .add(kind, json!({"Name": name, "Labels": labels, "Data": ONE}));
    }
}

fn changes(plan: &Value) -> Vec<String> {
    let changes = plan["ok"]["plan_stack"]["changes"].as_array();
    let changes = changes.unwrap_or_else(|| panic!("{plan}"));
    let text = |change: &Value| format!("{} {}", change["verb"], change["subject"]);
    changes
        .iter()
        .map(text)
        .map(|text| text.replace('"', ""))
        .collect()
}

#[test]
fn off_means_plain_names_and_a_refusal_where_the_content_differs() {
    let mut manager = Manager::new(|_| None);
    let state = manager.deploy(&stack("off", [ONE, ONE]));
    assert!(state["succeeded"].is_object(), "{state}");
    assert_eq!(names(&manager, "configs"), ["dev1_shop_app"]);
    assert_eq!(names(&manager, "secrets"), ["dev1_shop_key"]);
    let writes = manager.engine.writes();
    assert!(changes(&manager.plan(&stack("off", [ONE, ONE]))).is_empty());
    let state = manager.deploy(&stack("off", [ONE, ONE]));
    assert_eq!(state["succeeded"]["changes"], json!([]), "{state}");
    let state = manager.deploy(&stack("off", [TWO, TWO]));
    assert_eq!(state["failed"]["kind"], "refused", "{state}");
    let messages = state["failed"]["messages"].to_string();
    for subject in ["config dev1_shop_app", "secret dev1_shop_key"] {
        let wanted =
            format!("{subject} exists with other content, which Docker cannot change in place");
        assert!(messages.contains(&wanted), "{messages}");
    }
    assert_eq!(
        manager.engine.writes(),
        writes,
        "nothing is written by all that"
    );
}

#[test]
fn what_docker_made_is_kept_as_it_is_while_the_content_is_the_same() {
    for rotate in ["off", "on"] {
        let mut manager = Manager::new(|_| None);
        made_by_docker(&manager);
        let objects = |manager: &Manager| {
            let swarm = manager.swarm();
            [
                swarm.objects["configs"].clone(),
                swarm.objects["secrets"].clone(),
            ]
        };
        let before = objects(&manager);
        let state = manager.deploy(&stack(rotate, [ONE, ONE]));
        assert!(state["succeeded"].is_object(), "{state}");
        assert_eq!(objects(&manager), before, "{rotate}");
        assert!(changes(&manager.plan(&stack(rotate, [ONE, ONE]))).is_empty());
    }
}

#[test]
fn another_content_of_what_docker_made_is_found() {
    let mut manager = Manager::new(|_| None);
    made_by_docker(&manager);
    let state = manager.deploy(&stack("off", [ONE, TWO]));
    let messages = state["failed"]["messages"].to_string();
    assert!(
        messages.contains("secret dev1_shop_key exists with other content"),
        "{messages}"
    );
    assert!(!messages.contains("dev1_shop_app"), "{messages}");
    let state = manager.deploy(&stack("on", [ONE, TWO]));
    assert!(state["succeeded"].is_object(), "{state}");
    assert_eq!(names(&manager, "configs"), ["dev1_shop_app"]);
    let secrets = names(&manager, "secrets");
    assert!(
        secrets.len() == 1 && secrets[0].starts_with("dev1_shop_key_"),
        "{secrets:?}"
    );
}

#[test]
fn switched_off_the_plain_names_come_back() {
    let mut manager = Manager::new(|_| None);
    for contents in [[ONE, ONE], [TWO, TWO]] {
        let state = manager.deploy(&stack("on", contents));
        assert!(state["succeeded"].is_object(), "{state}");
    }
    assert!(names(&manager, "configs")[0].starts_with("dev1_shop_app_"));
    let state = manager.deploy(&stack("off", [TWO, TWO]));
    assert!(state["succeeded"].is_object(), "{state}");
    assert_eq!(names(&manager, "configs"), ["dev1_shop_app"]);
    assert_eq!(names(&manager, "secrets"), ["dev1_shop_key"]);
}

#[test]
fn what_others_made_is_not_taken_over() {
    let mut manager = Manager::new(|_| None);
    manager.swarm().add(
        "secrets",
        json!({"Name": "dev1_shop_key", "Labels": {}, "Data": ONE}),
    );
    let state = manager.deploy(&stack("off", [ONE, ONE]));
    let messages = state["failed"]["messages"].to_string();
    assert!(
        messages.contains("secret dev1_shop_key exists and is not of this stack"),
        "{messages}"
    );
    assert_eq!(manager.engine.writes(), [""; 0]);
}
