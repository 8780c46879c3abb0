//! Stacks by the real binary against a manager that answers as the engine does.

#![cfg(test)]

mod support;

use serde_json::{Value, json};
use support::fake_engine::Says;
use support::manager::{Manager, plain, spec};

const ONE: &str = "services: {web: {image: i}}";

#[test]
fn no_value_of_a_variable_is_shown() {
    let compose = |command: &str| {
        format!(
            "services: {{web: {{image: i, command: [\"a\", \"${{PW}}\"], labels: {{l: \"{command}\"}}}}}}"
        )
    };
    let mut manager = Manager::new(|_| None);
    let old = spec(&compose("1"), &json!({"PW": "canary-old"}));
    let new = spec(&compose("2"), &json!({"PW": "canary\"ss\\new"}));
    assert!(manager.deploy(&old)["succeeded"].is_object());
    let mut shown = manager.plan(&new).to_string();
    assert!(
        shown.contains("(hidden)") && shown.contains("ContainerSpec.Args"),
        "{shown}"
    );
    shown += &manager.deploy(&new).to_string();
    for compose in [
        "services: {web: {image: i, command: \"x ${PW}\"}}",
        "services: {web: {image: \"${PW}\"}}",
        "services: {web: {image: i, deploy: {placement: {constraints: [\"${PW}\"]}}}}",
        "services: {web: {image: i, ports: [\"${PW}:80\"]}}",
    ] {
        let broken = spec(compose, &json!({"PW": "canary\"ss\\new"}));
        let state = manager.deploy(&broken);
        assert_eq!(state["failed"]["kind"], "input", "{compose}: {state}");
        shown += &state.to_string();
    }
    assert!(!shown.contains("canary"), "{shown}");
    for entry in walk(manager.guest.root()) {
        let text = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned();
        assert!(!text.contains("canary"), "{}", entry.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.symlink_metadata().unwrap() {
            metadata if metadata.is_dir() => walk(&path),
            metadata if metadata.is_file() => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn a_service_of_others_is_named_before_the_first_write() {
    let mut manager = Manager::new(|_| None);
    manager
        .swarm()
        .add("services", json!({"Name": "dev1_shop_web", "Labels": {}}));
    let state = manager.deploy(&plain(ONE));
    let messages = state["failed"]["messages"].to_string();
    assert_eq!(state["failed"]["kind"], "refused", "{state}");
    assert!(
        messages.contains("service dev1_shop_web exists and is not of this stack"),
        "{messages}"
    );
    assert_eq!(manager.engine.writes(), [""; 0]);
}

#[test]
fn who_is_always_overtaken_says_by_whom_and_what_was_done() {
    let mut manager = Manager::new(|request| {
        (request.call() == "POST /services/create").then(|| Says::error(409, "name conflicts"))
    });
    let state = manager.deploy(&plain(ONE));
    let messages = state["failed"]["messages"].to_string();
    assert_eq!(state["failed"]["kind"], "retryable", "{state}");
    assert!(
        messages.contains("5 times in between, last service dev1_shop_web"),
        "{messages}"
    );
    assert!(
        messages.contains("this run has created network dev1_shop_default"),
        "{messages}"
    );
}

#[test]
fn what_an_update_names_and_is_missing_is_no_race() {
    let mut manager = Manager::new(|request| {
        let update = request.call().ends_with("/update");
        update.then(|| Says::error(404, "network x not found"))
    });
    assert!(manager.deploy(&plain(ONE))["succeeded"].is_object());
    let state = manager.deploy(&plain("services: {web: {image: i, hostname: h}}"));
    let messages = state["failed"]["messages"].to_string();
    assert!(messages.contains("network x not found"), "{messages}");
    let updates = manager.engine.writes();
    assert_eq!(
        updates
            .iter()
            .filter(|call| call.ends_with("/update"))
            .count(),
        1
    );
}

#[test]
fn a_new_service_does_not_resolve_the_image_of_another() {
    let mut manager = Manager::new(|_| None);
    assert!(manager.deploy(&plain(ONE))["succeeded"].is_object());
    let mut two = plain("services: {web: {image: i}, more: {image: i}}");
    two["resolve_image"] = json!("changed");
    let plan = manager.plan(&two)["ok"]["plan_stack"]["changes"].clone();
    let subjects: Vec<&Value> = plan
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["subject"])
        .collect();
    assert_eq!(subjects, ["service dev1_shop_more"], "{plan}");
}

#[test]
fn tasks_of_a_dead_node_keep_neither_configs_nor_networks() {
    let mut manager = Manager::new(|_| None);
    let labels = json!({"com.docker.stack.namespace": "dev1_shop"});
    for kind in ["services", "networks", "configs", "secrets"] {
        manager.swarm().add(
            kind,
            json!({"Name": format!("dev1_shop_{kind}"), "Labels": labels}),
        );
    }
    manager
        .swarm()
        .tasks
        .push(json!({"ServiceID": "gone", "Slot": 1, "NodeID": "n2",
        "DesiredState": "remove", "Status": {"State": "running"}}));
    let state = manager.remove(1);
    let messages = state["failed"]["messages"].to_string();
    assert!(
        messages.contains("1 task(s) on node two (down)"),
        "{messages}"
    );
    let left = manager
        .swarm()
        .objects
        .values()
        .map(Vec::len)
        .sum::<usize>();
    assert_eq!(left, 0);
    manager.swarm().tasks.clear();
    assert!(manager.remove(1)["succeeded"].is_object());
}

#[test]
fn what_was_broken_before_holds_nothing_up() {
    let mut manager = Manager::new(|_| None);
    let mut patient = plain(ONE);
    patient["wait_seconds"] = json!(20);
    assert!(manager.deploy(&patient)["succeeded"].is_object());
    let broken = ("rejected", "No such image");
    manager
        .swarm()
        .task_states
        .insert("dev1_shop_web".to_owned(), broken);
    let start = std::time::Instant::now();
    let state = manager.deploy(&patient);
    assert!(start.elapsed() < std::time::Duration::from_secs(10));
    assert_eq!(state["succeeded"]["changes"], json!([]), "{state}");
    let warnings = state["succeeded"]["warnings"].to_string();
    assert!(
        warnings.contains("web 0/1 running: No such image"),
        "{warnings}"
    );
    // What this run writes is waited for.
    let state = manager.deploy(&plain("services: {web: {image: i, hostname: h}}"));
    assert_eq!(state["failed"]["kind"], "retryable", "{state}");
}

#[test]
fn what_the_file_calls_external_is_not_removed() {
    let mut manager = Manager::new(|_| None);
    let labels = json!({"com.docker.stack.namespace": "dev1_shop"});
    for (kind, name) in [
        ("configs", "used"),
        ("configs", "unused"),
        ("networks", "net"),
        ("configs", "left"),
    ] {
        manager.swarm().add(
            kind,
            json!({"Name": name, "Labels": labels, "Data": "eA=="}),
        );
    }
    let compose = "services: {web: {image: i, networks: [net], configs: [used]}}\n\
        configs: {used: {external: true}, unused: {external: true}}\nnetworks: {net: {external: true}}";
    assert!(manager.deploy(&plain(compose))["succeeded"].is_object());
    let configs = manager.swarm().objects["configs"].clone();
    let names: Vec<&Value> = configs
        .iter()
        .map(|config| &config["Spec"]["Name"])
        .collect();
    assert_eq!(names, ["used", "unused"]);
    let again = manager.plan(&plain(compose));
    assert_eq!(again["ok"]["plan_stack"]["changes"], json!([]), "{again}");
}

#[test]
fn volumes_of_the_stack_go_and_others_stay() {
    let mut manager = Manager::new(|_| None);
    let volume = |name: &str, stack: &str| json!({"Name": name, "Labels": {"com.docker.stack.namespace": stack}});
    manager.swarm().volumes = vec![
        volume("b", "dev1_shop"),
        volume("a", "dev1_shop"),
        volume("c", "dev1_shop_x"),
        json!({"Name": "d", "Labels": null}),
    ];
    manager.swarm().held_volumes = ["b".to_owned()].into();
    let question = json!({"stack_volumes": {"namespace": "dev1_shop"}});
    let found = manager.guest.ask(&question);
    assert_eq!(
        found["ok"]["stack_volumes"]["names"],
        json!(["a", "b"]),
        "{found}"
    );
    let work = json!({"remove_stack_volumes": {"namespace": "dev1_shop", "wait_seconds": 1}});
    let state = manager.work(&work);
    let messages = state["failed"]["messages"].to_string();
    assert!(
        messages.contains("there is still volume b of stack dev1_shop"),
        "{state}"
    );
    manager.swarm().held_volumes.clear();
    let state = manager.work(&work);
    assert_eq!(
        state["succeeded"]["changes"][0]["subject"], "volume b",
        "{state}"
    );
    let left: Vec<Value> = manager
        .swarm()
        .volumes
        .iter()
        .map(|volume| volume["Name"].clone())
        .collect();
    assert_eq!(left, ["c", "d"]);
    assert_eq!(manager.work(&work)["succeeded"]["changes"], json!([]));
}

#[test]
fn a_service_is_watched_for_as_long_as_its_monitor_says() {
    let compose = |monitor: &str| {
        format!(
            "services: {{web: {{image: i, deploy: {{update_config: {{monitor: {monitor}}}}}}}}}"
        )
    };
    // One that dies after a second and a half is not watched so long, or it is found out.
    for (monitor, fails) in [("100ms", false), ("4s", true)] {
        let mut manager = Manager::new(|_| None);
        let swarm = std::sync::Arc::clone(&manager.swarm);
        let dies = std::thread::spawn(move || {
            let made = || {
                !swarm
                    .lock()
                    .unwrap()
                    .objects
                    .get("services")
                    .is_none_or(Vec::is_empty)
            };
            while !made() {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            std::thread::sleep(std::time::Duration::from_millis(1500));
            let dead = ("failed", "it died");
            let mut swarm = swarm.lock().unwrap();
            swarm.task_states.insert("dev1_shop_web".to_owned(), dead);
        });
        let mut spec = plain(&compose(monitor));
        spec["wait_seconds"] = json!(6);
        let start = std::time::Instant::now();
        let state = manager.deploy(&spec);
        assert_eq!(state["failed"].is_object(), fails, "{monitor}: {state}");
        if !fails {
            assert!(
                start.elapsed() < std::time::Duration::from_secs(5),
                "not the default of 5 s"
            );
        }
        dies.join().unwrap();
    }
}
