//! Creating, updating and deleting standalone stacks.

use serde_json::{Value, json};

use crate::session::parsed;
use crate::target::Target;

fn file(image: &str) -> String {
    format!(
        "# kept byte for byte\nservices:\n  web:\n    image: {image}\n    command: [sleep, '3600']\n    stop_grace_period: 1s\n"
    )
}

/// Creates a stack; its id and the query that every call on it needs.
fn created(target: &Target, name: &str, endpoint: i64) -> (i64, String) {
    let path = format!("/api/stacks/create/standalone/string?endpointId={endpoint}");
    let env = json!([{"name": "A", "value": "1"}]);
    let body = json!({"Name": name, "StackFileContent": file(&target.image), "Env": env});
    let answer = target.session.call("POST", &path, &body);
    assert_eq!(answer.status, 200, "{}: {}", target.name, answer.text());
    let id = parsed(&answer)["Id"].as_i64().unwrap();
    assert_eq!(target.session.settled(id), 1, "{}", target.name);
    (id, format!("/api/stacks/{id}?endpointId={endpoint}"))
}

fn removed(target: &Target, path: &str, endpoint: i64) {
    let delete = || target.session.call("DELETE", path, &Value::Null).status;
    assert_eq!(delete(), 204, "{}", target.name);
    assert_eq!(delete(), 404, "{}", target.name);
    target.forget(endpoint);
}

pub(crate) fn a_stack_keeps_its_bytes_and_its_name_is_normalised(target: &Target, agent: &str) {
    let endpoint = target.registered("phoenix-contract-s", agent);
    let (id, path) = created(target, "Phoenix.Contract", endpoint);
    let stack = target.session.get(&format!("/api/stacks/{id}"));
    assert_eq!(stack["Name"], "phoenixcontract", "{}", target.name);
    assert_eq!(
        stack["Env"],
        json!([{"name": "A", "value": "1"}]),
        "{}",
        target.name
    );
    let kept = target.session.get(&format!("/api/stacks/{id}/file"));
    assert_eq!(
        kept["StackFileContent"],
        file(&target.image),
        "{}",
        target.name
    );
    let again = target.session.create("phoenixcontract", endpoint);
    assert_eq!(again.status, 409, "{}", target.name);
    let message = parsed(&again)["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("normalized name 'phoenixcontract'"),
        "{}: {message}",
        target.name
    );
    let listed = target.session.get("/api/stacks");
    let mut listed = listed.as_array().unwrap().iter();
    assert!(listed.any(|one| one["Id"] == id), "{}", target.name);
    let body = json!({"StackFileContent": file(&target.image)});
    let homeless = target
        .session
        .call("PUT", &format!("/api/stacks/{id}"), &body);
    assert_eq!(
        homeless.status, 400,
        "{}: endpointId must be given",
        target.name
    );
    removed(target, &path, endpoint);
}

pub(crate) fn an_update_without_env_wipes_it(target: &Target, agent: &str) {
    let endpoint = target.registered("phoenix-contract-w", agent);
    let (id, path) = created(target, "phoenix-contract-w", endpoint);
    let body = json!({"StackFileContent": file(&target.image)});
    assert_eq!(
        target.session.call("PUT", &path, &body).status,
        200,
        "{}",
        target.name
    );
    assert_eq!(target.session.settled(id), 1, "{}", target.name);
    let stack = target.session.get(&format!("/api/stacks/{id}"));
    let env = stack["Env"].as_array().cloned().unwrap_or_default();
    assert!(env.is_empty(), "{}: {env:?}", target.name);
    removed(target, &path, endpoint);
}

pub(crate) fn a_failure_is_told_and_leaves_the_file(target: &Target, agent: &str) {
    let endpoint = target.registered("phoenix-contract-f", agent);
    let (id, path) = created(target, "phoenix-contract-f", endpoint);
    let body = json!({"StackFileContent": file("registry.invalid/none:1"), "Env": []});
    let answer = target.session.call("PUT", &path, &body);
    // At once, or in the record when the answer comes before the deployment.
    match answer.status {
        500 => assert!(
            answer.text().contains("failed to deploy a stack"),
            "{}",
            target.name
        ),
        200 => assert_eq!(target.session.settled(id), 4, "{}", target.name),
        other => assert_eq!(other, 500, "{}", target.name),
    }
    let kept = target.session.get(&format!("/api/stacks/{id}/file"));
    assert_eq!(
        kept["StackFileContent"],
        file(&target.image),
        "{}",
        target.name
    );
    removed(target, &path, endpoint);
}
