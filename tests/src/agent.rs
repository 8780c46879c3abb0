//! The guest agent alone in real guests, asked as the hypervisor asks: over the real QEMU guest agent.

#![expect(
    clippy::unwrap_used,
    reason = "prose of test programs: their panic is their report"
)]

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::lab::{Guest, Lab, LabSpec, Suite, program};

const AGENT: &str = "/usr/bin/phoenix-guest-agent";

/// A lab with the agent in every guest.
pub fn lab(guests: &[(u32, Suite)]) -> Option<Lab> {
    let spec = guests.iter().fold(LabSpec::new(), |spec, (vmid, suite)| {
        spec.guest(*vmid, *suite)
    });
    up(&spec)
}

/// As [`lab`], of any shape.
pub fn up(spec: &LabSpec) -> Option<Lab> {
    let lab = Lab::for_test(spec)?;
    let agent = std::fs::read(program("phoenix-guest-agent").unwrap()).unwrap();
    for guest in lab.machines() {
        guest.wait_agent().unwrap();
        guest.write(AGENT, &agent, 0o755).unwrap();
    }
    Some(lab)
}

/// The outcome of a request, asked as the hypervisor asks.
pub fn ask(guest: &Guest, body: &Value) -> Value {
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

/// Starts a job.
pub fn start(guest: &Guest, job: &str, work: &Value) -> Value {
    ask(guest, &json!({"job_start": {"job": job, "work": work}}))["ok"]["job_start"].take()
}

/// Waits for the end of a job.
pub fn end(guest: &Guest, job: &str) -> Value {
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

/// A job to its end.
pub fn work(guest: &Guest, job: &str, work: &Value) -> Value {
    assert_eq!(start(guest, job, work), "started");
    end(guest, job)
}

/// What the agent sees of its guest.
pub fn facts(guest: &Guest) -> Value {
    ask(guest, &json!("facts"))["ok"]["facts"].take()
}

/// The end of a job that had nothing to do.
pub fn nothing_done() -> Value {
    json!({"succeeded": {"changes": [], "warnings": []}})
}
