//! Registry logins on the wire, and keys that are dropped: by the real binary against an engine that answers as
//! Docker does.

#![cfg(test)]

mod support;

use serde_json::{Value, json};
use support::fake_engine::Received;
use support::manager::{Manager, plain};

/// `{"username":"ci","password":"canary-pw","serveraddress":"registry.example:5000"}`, as the fake engine logs
/// headers: in small letters.
const HEADER: &str = "x-registry-auth: eyj1c2vybmftzsi6imnpiiwicgfzc3dvcmqioijjyw5hcnktchcilcjzzxj2zxjhzgryzxnzijoicmvnaxn0cnkuzxhhbxbszto1mdawin0=";

fn carries(manager: &Manager, call: &str) -> Vec<bool> {
    let received = manager.engine.received();
    let calls = received
        .iter()
        .filter(|request| request.call().starts_with(call));
    calls
        .map(|request: &Received| request.headers.contains("x-registry-auth"))
        .collect()
}

#[test]
fn the_login_of_an_image_s_registry_goes_along_and_no_other_call_has_it() {
    let mut manager = Manager::new(|_| None);
    let compose = |tag: &str| {
        format!(
            "services: {{web: {{image: \"registry.example:5000/web:{tag}\"}}, db: {{image: other.example/db}}}}"
        )
    };
    let spec = |tag: &str| {
        let mut spec = plain(&compose(tag));
        spec["resolve_image"] = json!("always");
        spec["registries"] =
            json!([{"server": "registry.example:5000", "username": "ci", "password": "canary-pw"}]);
        spec
    };
    for tag in ["1", "2"] {
        let state = manager.deploy(&spec(tag));
        assert!(state["succeeded"].is_object(), "{state}");
        assert!(!state.to_string().contains("canary"));
    }
    assert_eq!(
        carries(&manager, "GET /distribution/registry.example"),
        [true, true]
    );
    assert!(!carries(&manager, "GET /distribution/other.example").contains(&true));
    let created = carries(&manager, "POST /services/create");
    assert_eq!(
        created.iter().filter(|carried| **carried).count(),
        1,
        "{created:?}"
    );
    assert_eq!(carries(&manager, "POST /services/services"), [true]);
    assert!(!carries(&manager, "POST /networks").contains(&true));
    let received = manager.engine.received();
    let headers = received
        .iter()
        .filter(|request| request.headers.contains("x-registry"));
    for request in headers {
        assert!(request.headers.contains(HEADER), "{}", request.headers);
    }
    let shown = manager.plan(&spec("3")).to_string();
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn keys_that_harden_are_a_mistake_where_the_manifest_says_so() {
    let manager = Manager::new(|_| None);
    let compose =
        "services: {web: {image: i, security_opt: [no-new-privileges], container_name: c}}";
    let plan = manager.plan(&plain(compose));
    let warnings = plan["ok"]["plan_stack"]["warnings"].to_string();
    assert!(warnings.contains("security_opt"), "{plan}");
    let mut strict = plain(compose);
    strict["dropped_keys"] = json!("error");
    let refused = manager.plan(&strict);
    let failure: &Value = &refused["err"];
    assert_eq!(failure["kind"], "input", "{refused}");
    let messages = failure["messages"].to_string();
    assert!(
        messages.contains("compose.yml:1:") && messages.contains("security_opt"),
        "{messages}"
    );
    assert!(!messages.contains("container_name"), "{messages}");
}

#[test]
fn an_image_set_by_hand_is_put_back_to_the_file_s() {
    for (compat, updates) in [("extended", 1), ("docker", 0)] {
        let mut manager = Manager::new(|_| None);
        let mut spec = plain("services: {web: {image: \"web:1\"}}");
        spec["compat"] = json!(compat);
        assert!(manager.deploy(&spec)["succeeded"].is_object());
        for image in [
            "web:1@sha256:0123456789012345678901234567890123456789012345678901234567890123",
            "web:2",
        ] {
            let mut swarm = manager.swarm();
            let service = &mut swarm.objects.get_mut("services").unwrap()[0]["Spec"];
            service["TaskTemplate"]["ContainerSpec"]["Image"] = json!(image);
            drop(swarm);
            let plan = manager.plan(&spec);
            let changes = plan["ok"]["plan_stack"]["changes"]
                .as_array()
                .unwrap()
                .len();
            let wanted = if image == "web:2" { updates } else { 0 };
            assert_eq!(changes, wanted, "{compat} {image}: {plan}");
        }
    }
}
