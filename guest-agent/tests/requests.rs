//! Requests as a hypervisor, a broken one or a hostile one sends them, to the real binary.

#![cfg(test)]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::fake_engine::Says;
use support::guest::Guest;

fn refusal(guest: &Guest, input: &[u8]) -> Value {
    let output = guest.run(&["request"], input);
    assert!(output.status.success(), "{output:?}");
    let response: Value = serde_json::from_slice(&output.stdout).unwrap();
    response["outcome"]["err"].clone()
}

#[test]
fn garbage_is_answered_with_what_is_wrong() {
    let guest = Guest::new();
    let deep = format!(r#"{{"protocol":1,"id":"a","body":{}"#, "[".repeat(100_000));
    let unknown = r#"{"protocol":1,"id":"a","body":{"plan_guest":{"docker":{"x":1}}}}"#;
    for (input, kind) in [
        (&b""[..], "request"),
        (b"\xff\x00\xfe", "request"),
        (b"[]", "request"),
        (deep.as_bytes(), "request"),
        (unknown.as_bytes(), "request"),
        (
            br#"{"protocol":1,"id":"a","body":"facts"} trailing"#,
            "request",
        ),
        (
            br#"{"protocol":2,"id":"a","body":{"novel":{}}}"#,
            "protocol",
        ),
        (br#"{"protocol":0,"id":"a","body":"facts"}"#, "protocol"),
        (
            br#"{"protocol":1,"id":"a","body":{"job_status":{"job":"../x","after":0}}}"#,
            "request",
        ),
    ] {
        let failure = refusal(&guest, input);
        assert_eq!(failure["kind"], kind, "{failure}");
    }
}

#[test]
fn a_gibibyte_of_garbage_is_neither_read_nor_kept() {
    let guest = Guest::new();
    let mut child = Command::new("/bin/sh")
        // 256 MiB of memory are enough for whatever is sent.
        .args(["-c", "ulimit -v 262144; exec \"$0\" request"])
        .arg(env!("CARGO_BIN_EXE_phoenix-guest-agent"))
        .env("PHOENIX_ROOT", guest.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || {
        let block = vec![b'['; 1 << 20];
        (0..1024)
            .take_while(|_| input.write_all(&block).is_ok())
            .count()
    });
    let output = child.wait_with_output().unwrap();
    assert!(feeder.join().unwrap() < 64, "it read on after its limit");
    let response: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(response["outcome"]["err"]["kind"], "request");
}

#[test]
fn facts_tell_the_guest_and_its_docker() {
    let guest = Guest::new();
    guest.write("etc/machine-id", "0123\n");
    guest.write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    guest.write("usr/bin/dpkg", "");
    let facts = guest.ask(&json!("facts"))["ok"]["facts"].clone();
    assert_eq!(facts["boot_id"], "boot-1");
    assert_eq!(facts["machine_id"], "0123");
    assert_eq!(
        (&facts["os_id"], &facts["os_version"]),
        (&json!("debian"), &json!("12"))
    );
    assert_eq!(facts["has_dpkg"], true);
    assert_eq!(facts["docker"], json!({"known": "not_installed"}));
    guest.write("usr/sbin/dockerd", "");
    let facts = guest.ask(&json!("facts"));
    assert_eq!(facts["ok"]["facts"]["docker"], json!({"known": "stopped"}));
    let _engine = guest.engine(|_| {
        Says::Json(
            200,
            json!({"ID": "e", "ServerVersion": "20.10.24", "Swarm": {"LocalNodeState": "pending"}}),
        )
    });
    let facts = guest.ask(&json!("facts"));
    assert_eq!(
        facts["ok"]["facts"]["docker"],
        json!({"known": {"running": {"version": "20.10.24", "api_version": "1.41",
            "engine_id": "e", "swarm": "pending", "remains": {"only_worker": false}}}})
    );
}

#[test]
fn a_docker_that_is_silent_is_unknown_and_does_not_hang() {
    let guest = Guest::new();
    let _engine = guest.engine(|_| Says::Nothing);
    let begin = Instant::now();
    let facts = guest.ask(&json!("facts"));
    assert!(begin.elapsed() < Duration::from_secs(20));
    let reason = facts["ok"]["facts"]["docker"]["unknown"].as_str().unwrap();
    assert!(reason.contains("did not answer within"), "{reason}");
}

#[test]
fn facts_without_a_boot_id_are_refused() {
    let guest = Guest::new();
    std::fs::remove_file(guest.path("proc/sys/kernel/random/boot_id")).unwrap();
    let facts = guest.ask(&json!("facts"));
    assert_eq!(facts["err"]["kind"], "failed", "{facts}");
}

#[test]
fn facts_for_people_escape_what_the_guest_says() {
    let guest = Guest::new();
    guest.write("proc/sys/kernel/hostname", "\u{1b}[2Jone\n");
    let output = guest.run(&["facts"], b"");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\\u{1b}[2Jone"), "{text}");
    let json = guest.run(&["facts", "--json"], b"").stdout;
    let facts: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(facts["boot_id"], "boot-1");
}
