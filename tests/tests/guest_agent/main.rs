//! The guest agent in real guests, over the real QEMU guest agent.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod base_setup;
mod docker;
mod jobs;
mod stack;
mod swarm;

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use phoenix_tests::lab::Suite::{self, Bookworm, Trixie};
use phoenix_tests::lab::{Guest, Lab, LabSpec, program};
use serde_json::{Value, json};

const AGENT: &str = "/usr/bin/phoenix-guest-agent";

/// A lab with the agent in every guest.
fn lab(guests: &[(u32, Suite)]) -> Option<Lab> {
    let spec = guests.iter().fold(LabSpec::new(), |spec, (vmid, suite)| {
        spec.guest(*vmid, *suite)
    });
    up(&spec)
}

fn up(spec: &LabSpec) -> Option<Lab> {
    let lab = Lab::for_test(spec)?;
    let agent = std::fs::read(program("phoenix-guest-agent").unwrap()).unwrap();
    for guest in lab.machines() {
        guest.wait_agent().unwrap();
        guest.write(AGENT, &agent, 0o755).unwrap();
    }
    Some(lab)
}

/// The outcome of a request, asked as the hypervisor asks.
fn ask(guest: &Guest, body: &Value) -> Value {
    let request = json!({"protocol": 1, "id": "test", "body": body}).to_string();
    let mut agent = guest.qga().unwrap();
    let arguments = json!({"path": AGENT, "arg": ["request"], "capture-output": true,
        "input-data": STANDARD.encode(request)});
    let pid = agent.ask("guest-exec", &arguments).unwrap()["pid"].clone();
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let status = agent
            .ask("guest-exec-status", &json!({ "pid": pid }))
            .unwrap();
        if status["exited"] == true {
            assert_eq!(status["exitcode"], 0, "{status}");
            assert!(
                status["err-data"].is_null(),
                "logs go to the journal: {status}"
            );
            let output = STANDARD
                .decode(status["out-data"].as_str().unwrap())
                .unwrap();
            let mut response: Value = serde_json::from_slice(&output).unwrap();
            return response["outcome"].take();
        }
        assert!(Instant::now() < deadline, "no answer to {body}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start(guest: &Guest, job: &str, work: &Value) -> Value {
    ask(guest, &json!({"job_start": {"job": job, "work": work}}))["ok"]["job_start"].take()
}

/// Waits for the end of a job.
fn end(guest: &Guest, job: &str) -> Value {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let mut outcome = ask(guest, &json!({"job_status": {"job": job, "after": 0}}));
        let state = outcome["ok"]["job_status"]["state"].take();
        if state != "running" {
            return state;
        }
        assert!(Instant::now() < deadline, "{job} does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn work(guest: &Guest, job: &str, work: &Value) -> Value {
    assert_eq!(start(guest, job, work), "started");
    end(guest, job)
}

fn facts(guest: &Guest) -> Value {
    ask(guest, &json!("facts"))["ok"]["facts"].take()
}

fn nothing_done() -> Value {
    json!({"succeeded": {"changes": [], "warnings": []}})
}

#[test]
fn facts_are_the_guests() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    for (vmid, version, api) in [(1001, "12", "1.41"), (1002, "13", "1.45")] {
        let guest = lab.guest(vmid);
        guest.wait_docker().unwrap();
        let facts = facts(&guest);
        let boot_id = guest.read("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!(facts["boot_id"], boot_id.trim());
        assert_eq!(facts["hostname"], guest.hostname());
        assert_eq!(
            (&facts["os_id"], &facts["os_version"]),
            (&json!("debian"), &json!(version))
        );
        // Docker's bridge is no address of the guest.
        assert_eq!(
            facts["addresses"],
            json!([format!("{}/24", guest.address())])
        );
        let docker = &facts["docker"]["known"]["running"];
        assert_eq!(
            (&docker["api_version"], &docker["swarm"]),
            (&json!(api), &json!("inactive"))
        );
    }
}
