//! Status, log-in and keys.

use serde_json::{Value, json};

use crate::session::parsed;
use crate::target::Target;

pub(crate) fn answers_without_credentials(target: &Target) {
    let client = target.anonymous();
    let get = |path| client.send("GET", path, &[], &[]).unwrap();
    let status = get("/api/system/status");
    assert_eq!(status.status, 200, "{}", target.name);
    assert!(parsed(&status)["Version"].is_string(), "{}", target.name);
    assert_eq!(get("/api/users/admin/check").status, 204, "{}", target.name);
    let closed = get("/api/stacks");
    assert_eq!(closed.status, 401, "{}", target.name);
    assert_eq!(
        parsed(&closed)["details"],
        "Unauthorized",
        "{}",
        target.name
    );
    let unknown = get("/api/nothing");
    assert_eq!(unknown.status, 404, "{}", target.name);
    assert_eq!(
        parsed(&unknown),
        Value::Null,
        "{}: a text, no JSON",
        target.name
    );
}

pub(crate) fn refuses_wrong_credentials(target: &Target) {
    let body = json!({"Username": "admin", "Password": "not the password"}).to_string();
    let headers = ["Content-Type: application/json".to_owned()];
    let client = target.anonymous();
    let answer = client.send("POST", "/api/auth", &headers, body.as_bytes());
    assert_eq!(answer.unwrap().status, 422, "{}", target.name);
    let headers = ["X-API-KEY: ptr_wrong".to_owned()];
    let answer = client.send("GET", "/api/stacks", &headers, &[]);
    assert_eq!(answer.unwrap().status, 401, "{}", target.name);
    let both = [
        format!("X-API-KEY: {}", target.session.key),
        "Authorization: Bearer abc".to_owned(),
    ];
    let answer = client.send("GET", "/api/users/me", &both, &[]).unwrap();
    assert!(
        [401, 403].contains(&answer.status),
        "{}: {}",
        target.name,
        answer.status
    );
}

pub(crate) fn a_key_stands_for_the_user(target: &Target) {
    let me = target.session.get("/api/users/me");
    assert_eq!(me["Role"], 1, "{}", target.name);
    assert!(target.session.key.starts_with("ptr_"), "{}", target.name);
}
