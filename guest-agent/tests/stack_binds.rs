//! Folders that services bind: told by the manager, looked for and made on their node, by the real binary.

#![cfg(test)]

mod support;

use serde_json::{Value, json};
use support::manager::{Manager, plain};

const COMPOSE: &str = "services:
  web: {image: i, volumes: [/srv/web:/a, {type: bind, source: /srv/long, target: /b}], deploy: {placement: {constraints: [node.labels.phoenix.vmid == 1002]}}}
  db: {image: i, volumes: [/srv/db:/a, /var/run/x:/x]}
";

#[test]
fn a_plan_tells_each_bind_with_the_nodes_it_may_need_to_be_on() {
    let manager = Manager::new(|_| None);
    let plan = manager.plan(&plain(COMPOSE));
    let binds = plan["ok"]["plan_stack"]["binds"]
        .as_array()
        .unwrap()
        .clone();
    let short: Vec<Value> = binds
        .iter()
        .map(|bind| {
            let nodes = bind["nodes"].as_array().unwrap().iter();
            let nodes: Vec<&Value> = nodes.map(|node| &node["hostname"]).collect();
            json!([bind["service"], bind["path"], bind["may_be_made"], nodes])
        })
        .collect();
    assert_eq!(
        short,
        [
            json!(["db", "/srv/db", true, ["one", "two"]]),
            json!(["db", "/var/run/x", false, ["one", "two"]]),
            json!(["web", "/srv/long", false, ["two"]]),
            json!(["web", "/srv/web", true, ["two"]]),
        ]
    );
    assert_eq!(binds[3]["nodes"][0]["vmid"], 1002);
    let mut docker = plain(COMPOSE);
    docker["compat"] = json!("docker");
    let plan = manager.plan(&docker);
    assert_eq!(plan["ok"]["plan_stack"]["binds"], Value::Null, "{plan}");
}

#[test]
fn folders_are_made_on_request_and_once() {
    let mut manager = Manager::new(|_| None);
    let paths = json!(["/srv/web/data", "/srv/there"]);
    std::fs::create_dir_all(manager.guest.path("srv/there")).unwrap();
    let question = json!({"missing_paths": {"paths": paths}});
    let missing = |manager: &Manager| manager.guest.ask(&question)["ok"]["missing_paths"].clone();
    assert_eq!(missing(&manager), json!(["/srv/web/data"]));
    let work = json!({"make_folders": {"paths": paths}});
    let state = manager.work(&work);
    assert_eq!(
        state["succeeded"]["changes"][0]["subject"],
        "folder /srv/web/data"
    );
    assert!(manager.guest.path("srv/web/data").is_dir());
    assert_eq!(missing(&manager), json!([]));
    assert_eq!(manager.work(&work)["succeeded"]["changes"], json!([]));
    let state = manager.work(&json!({"make_folders": {"paths": ["/srv/../etc/x"]}}));
    assert_eq!(state["failed"]["kind"], "input", "{state}");
}

/// `phoenix-guest-agent stack <words>` in a folder with the compose file; its exit code and both streams.
fn by_hand(manager: &Manager, words: &str) -> (i32, String) {
    let words = words.replace("FILE", manager.guest.path("c.yml").to_str().unwrap());
    let words: Vec<&str> = std::iter::once("stack").chain(words.split(' ')).collect();
    let output = manager.guest.run(&words, b"");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

#[test]
fn by_hand_the_only_node_gets_its_folders_and_else_they_are_named() {
    let manager = Manager::new(|_| None);
    let compose = "services: {web: {image: i, volumes: [/srv/web:/a, ./data:/b]}}";
    manager.guest.write("c.yml", compose);
    let plan = "plan -c FILE --resolve-image never dev1_shop";
    let deploy = "deploy -c FILE --resolve-image never dev1_shop";
    let (code, text) = by_hand(&manager, plan);
    let wanted = "service web binds /srv/web, which is not there on node one";
    assert!(code == 5 && text.contains(wanted), "{code} {text}");
    let (code, text) = by_hand(&manager, deploy);
    assert!(code == 5 && text.contains(wanted), "{code} {text}");
    assert_eq!(manager.engine.writes(), [""; 0]);
    manager.swarm().is_alone = true;
    let (code, text) = by_hand(&manager, plan);
    assert!(
        code == 3 && text.contains("create folder /srv/web"),
        "{code} {text}"
    );
    assert!(!manager.guest.path("srv/web").exists());
    let (code, text) = by_hand(&manager, deploy);
    assert!(
        code == 0 && text.contains("created folder /srv/web"),
        "{code} {text}"
    );
    assert!(manager.guest.path("srv/web").is_dir());
    let (code, text) = by_hand(&manager, plan);
    assert!(code == 0, "{code} {text}");
}
