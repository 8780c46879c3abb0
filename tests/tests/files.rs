//! Files from the hypervisor on a guest's volume.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use phoenix_common::digest::sha256_hex;
use phoenix_tests::agent::{ask, lab, nothing_done, work};
use phoenix_tests::lab::Guest;
use phoenix_tests::lab::Suite::Bookworm;
use phoenix_tests::nfs::NfsServer;
use serde_json::{Value, json};

const COMPOSE: &str = "/data/qdrant/docker-compose.yml";

fn file(destination: &str, content: &str) -> Value {
    json!({"destination": destination, "content": {"base64": STANDARD.encode(content),
        "sha256": sha256_hex(content.as_bytes()), "mode": 0o640, "owner": {"uid": 1000, "gid": 100}}})
}

fn spec(files: &[Value]) -> Value {
    json!({"volumes": [{"name": "data", "server": "nas", "path": "/share", "mount_point": "/data",
        "options": "hard"}], "files": files})
}

fn apply(guest: &Guest, job: &str, spec: &Value) -> Value {
    work(guest, job, &json!({ "apply_guest": spec }))
}

fn inspect(guest: &Guest, spec: &Value) -> Value {
    ask(guest, &json!({ "inspect_guest": spec }))["ok"]["inspect_guest"].take()
}

#[test]
fn files_are_placed_once_and_never_outside_of_their_volume() {
    let Some(lab) = lab(&[(1001, Bookworm)]) else {
        return;
    };
    let guest = lab.guest(1001);
    let server = NfsServer::install(&guest).unwrap();
    let declared = spec(&[file(COMPOSE, "services: {canary: 1}\n")]);

    // Without its volume nothing is written anywhere.
    let failed = apply(&guest, "down", &declared);
    assert_eq!(failed["failed"]["kind"], "retryable", "{failed}");
    assert_eq!(guest.sh("ls -A /data").unwrap(), "");

    server.start().unwrap();
    let plan = inspect(&guest, &declared);
    assert!(!plan.to_string().contains("canary"), "{plan}");
    let state = apply(&guest, "place", &declared);
    assert_eq!(state["succeeded"]["changes"], plan["changes"], "{state}");
    let seen = format!("cat {COMPOSE}; stat -c '%u:%g %a' {COMPOSE}; ls -A /data/qdrant");
    assert_eq!(
        guest.sh(&seen).unwrap(),
        "services: {canary: 1}\n1000:100 640\ndocker-compose.yml"
    );
    let inode = guest.sh(&format!("stat -c '%i %z' {COMPOSE}")).unwrap();
    assert_eq!(apply(&guest, "again", &declared), nothing_done());
    assert_eq!(
        guest.sh(&format!("stat -c '%i %z' {COMPOSE}")).unwrap(),
        inode
    );

    // A change by hand is named and mended.
    guest
        .sh(&format!("echo x >> {COMPOSE}; chmod 600 {COMPOSE}"))
        .unwrap();
    let plan = inspect(&guest, &declared);
    let fields: Vec<&Value> = plan["changes"][0]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| &field["field"])
        .collect();
    assert_eq!(fields, ["content", "mode"]);
    assert!(apply(&guest, "mend", &declared)["succeeded"].is_object());
    assert_eq!(guest.read(COMPOSE).unwrap(), "services: {canary: 1}\n");

    no_path_leads_out(&guest, &declared);
    a_dropped_file_is_told_and_left(&guest);
}

fn no_path_leads_out(guest: &Guest, declared: &Value) {
    // Who can write to the share puts a link there.
    guest
        .sh("rm -r /data/qdrant; ln -s /etc /data/qdrant")
        .unwrap();
    let state = apply(guest, "link", declared);
    assert_eq!(state["succeeded"]["changes"], json!([]), "{state}");
    let warning = state["succeeded"]["warnings"][0].as_str().unwrap();
    assert!(warning.contains("a link leads there"), "{warning}");
    let outside = guest.run(&["test", "-e", "/etc/docker-compose.yml"]);
    assert_ne!(outside.unwrap().code, 0);
    guest.sh("rm /data/qdrant").unwrap();
    assert!(apply(guest, "back", declared)["succeeded"].is_object());

    for destination in ["/data/../etc/x", "/etc/x", "/data/a//b", "/database/x"] {
        let outcome = ask(
            guest,
            &json!({ "inspect_guest": spec(&[file(destination, "x")]) }),
        );
        assert_eq!(outcome["err"]["kind"], "input", "{destination}: {outcome}");
    }
}

fn a_dropped_file_is_told_and_left(guest: &Guest) {
    let plan = inspect(guest, &spec(&[]));
    assert_eq!(plan["changes"], json!([]));
    let notice = plan["notices"][0].as_str().unwrap();
    assert!(
        notice.starts_with(&format!("file {COMPOSE} is not declared")),
        "{notice}"
    );
    guest.sh(&format!("rm {COMPOSE}")).unwrap();
    assert_eq!(apply(guest, "gone", &spec(&[])), nothing_done());
}
