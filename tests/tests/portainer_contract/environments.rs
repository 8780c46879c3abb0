//! Registering, changing and forgetting environments.

use serde_json::{Value, json};

use crate::session::parsed;
use crate::target::Target;

pub(crate) fn names_are_unique_and_urls_are_not(target: &Target, agent: &str) {
    let first = target.registered("phoenix-contract-a", agent);
    let again = target.session.register("phoenix-contract-a", agent);
    assert_eq!(again.status, 409, "{}", target.name);
    assert_eq!(
        parsed(&again)["message"],
        "Name is not unique",
        "{}",
        target.name
    );
    let other = target.registered("phoenix-contract-b", agent);
    let path = "/api/endpoints?excludeSnapshots=true&name=phoenix-contract-a";
    let listed = target.session.get(path);
    assert_eq!(listed.as_array().unwrap().len(), 1, "{}", target.name);
    assert_eq!(listed[0]["Id"], first, "{}", target.name);
    assert_eq!(listed[0]["URL"], *agent, "{}", target.name);
    target.forget(first);
    target.forget(other);
}

pub(crate) fn an_update_keeps_what_it_does_not_name(target: &Target, agent: &str) {
    let id = target.registered("phoenix-contract-c", agent);
    let path = format!("/api/endpoints/{id}");
    let put = |body: Value| target.session.call("PUT", &path, &body);
    let renamed = parsed(&put(json!({"Name": "phoenix-contract-d"})));
    assert_eq!(renamed["URL"], *agent, "{}", target.name);
    assert_eq!(renamed["Name"], "phoenix-contract-d", "{}", target.name);
    let snapshot = target
        .session
        .call("POST", &format!("{path}/snapshot"), &Value::Null);
    assert_eq!(snapshot.status, 204, "{}", target.name);
    assert_eq!(target.session.get(&path)["Status"], 1, "{}", target.name);
    // A port that nobody listens on: the status tells it, not the answer.
    let host = agent.rsplit_once(':').unwrap().0;
    assert_eq!(
        put(json!({"URL": format!("{host}:1")})).status,
        200,
        "{}",
        target.name
    );
    let snapshot = target
        .session
        .call("POST", &format!("{path}/snapshot"), &Value::Null);
    assert_eq!(snapshot.status, 204, "{}", target.name);
    assert_eq!(target.session.get(&path)["Status"], 2, "{}", target.name);
    let proxied = format!("{path}/docker/info");
    let answer = target.session.call("GET", &proxied, &Value::Null);
    assert_eq!(answer.status, 502, "{}", target.name);
    target.forget(id);
}

pub(crate) fn what_is_not_there_is_told(target: &Target) {
    let answer = target
        .session
        .call("GET", "/api/endpoints/999999", &Value::Null);
    assert_eq!(answer.status, 404, "{}", target.name);
    let body = parsed(&answer);
    let details = body["details"].as_str().unwrap();
    assert!(details.contains("key=999999"), "{}: {details}", target.name);
    let refused = target
        .session
        .register("phoenix-contract-e", "tcp://127.0.0.1:1");
    assert_eq!(refused.status, 500, "{}", target.name);
    let message = &parsed(&refused)["message"];
    assert_eq!(message, "Unable to get environment type", "{}", target.name);
}
