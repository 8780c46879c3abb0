//! Whether a service runs what its spec says. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::tasks::{RunningService, Task};

/// How a service fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub running: u64,
    pub wanted: u64,
    /// The newest reason why a task that should run does not; empty if there is none.
    pub reason: String,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Runs,
    /// It may come up yet.
    NotYet,
    /// The engine gave up: an update paused or was rolled back.
    GaveUp,
}

/// `tasks` are those of the service's present spec. `written`: by this run, so that the state of the
/// last update is ours.
pub fn health(service: &RunningService, tasks: &[Task], written: bool) -> Health {
    let own: Vec<&Task> = tasks
        .iter()
        .filter(|task| task.service_id == service.id)
        .collect();
    let wanted = wanted(service, &own);
    let one_shot = is_one_shot(&service.spec);
    let fine: BTreeSet<(u64, &str)> = own
        .iter()
        .filter(|task| {
            let runs = task.state == "running" && task.desired_state == "running";
            runs || (one_shot && task.state == "complete")
        })
        .map(|task| {
            (
                task.slot,
                if task.slot == 0 {
                    task.node_id.as_str()
                } else {
                    ""
                },
            )
        })
        .collect();
    let running = fine.len() as u64;
    let enough = running >= wanted;
    let verdict = match service.update.state.as_str() {
        "paused" | "rollback_paused" if written || !enough => Verdict::GaveUp,
        "rollback_completed" if written => Verdict::GaveUp,
        "updating" | "rollback_started" => Verdict::NotYet,
        _ if enough => Verdict::Runs,
        _ => Verdict::NotYet,
    };
    let reason = if verdict == Verdict::Runs {
        String::new()
    } else {
        reason(service, &own)
    };
    Health {
        running,
        wanted,
        reason,
        verdict,
    }
}

/// Replicas where the spec has them, else what the engine wants.
fn wanted(service: &RunningService, own: &[&Task]) -> u64 {
    let number = |pointer: &str| service.spec.pointer(pointer).and_then(Value::as_u64);
    let nodes: BTreeSet<&str> = own
        .iter()
        .filter(|task| task.desired_state == "running")
        .map(|task| task.node_id.as_str())
        .collect();
    number("/Mode/Replicated/Replicas")
        .or_else(|| number("/Mode/ReplicatedJob/TotalCompletions"))
        .or(service.wanted_tasks)
        .unwrap_or(nodes.len() as u64)
}

/// Whether a task that ended well has done its work: jobs, and services that are not restarted then.
fn is_one_shot(spec: &Value) -> bool {
    let job = ["/Mode/ReplicatedJob", "/Mode/GlobalJob"];
    let condition = spec
        .pointer("/TaskTemplate/RestartPolicy/Condition")
        .and_then(Value::as_str);
    job.iter().any(|mode| spec.pointer(mode).is_some())
        || matches!(condition, Some("none" | "on-failure"))
}

fn reason(service: &RunningService, own: &[&Task]) -> String {
    let newest = own
        .iter()
        .filter(|task| !task.error.is_empty() && task.state != "running")
        .max_by(|left, right| left.timestamp.cmp(&right.timestamp));
    let ended = || own.iter().any(|task| task.state == "complete");
    match newest {
        Some(task) => task.error.clone(),
        // The engine stops a container whose health check fails, and a program that then ends with 0
        // leaves no error behind.
        None if has_healthcheck(&service.spec) && ended() => {
            "its task ended with exit code 0: its health check failed, or it had nothing more to do"
                .to_owned()
        }
        None => service.update.message.clone(),
    }
}

fn has_healthcheck(spec: &Value) -> bool {
    let test = spec.pointer("/TaskTemplate/ContainerSpec/Healthcheck/Test");
    let first = test.and_then(|test| test.get(0)).and_then(Value::as_str);
    first.is_some_and(|word| word != "NONE")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::tasks::UpdateState;

    fn service(spec: Value, update: &str) -> RunningService {
        RunningService {
            id: "s".into(),
            name: "s".into(),
            version: 1,
            spec,
            update: UpdateState {
                state: update.into(),
                message: "why".into(),
            },
            wanted_tasks: Some(2),
        }
    }

    fn task(slot: u64, state: &str, error: &str) -> Task {
        Task {
            service_id: "s".into(),
            slot,
            node_id: "n".into(),
            desired_state: if state == "running" {
                "running"
            } else {
                "shutdown"
            }
            .into(),
            state: state.into(),
            error: error.into(),
            timestamp: format!("2026-01-01T00:00:0{slot}Z"),
        }
    }

    #[test]
    fn verdicts() {
        let two = || json!({"Mode": {"Replicated": {"Replicas": 2}}});
        let once = || {
            json!({"Mode": {"Replicated": {"Replicas": 1}},
                "TaskTemplate": {"RestartPolicy": {"Condition": "none"}}})
        };
        let up = || vec![task(1, "running", ""), task(2, "running", "")];
        let half = || vec![task(1, "running", ""), task(2, "rejected", "No such image")];
        for (spec, update, tasks, written, wanted) in [
            (two(), "", up(), true, (2, Verdict::Runs, "")),
            (
                two(),
                "",
                half(),
                true,
                (1, Verdict::NotYet, "No such image"),
            ),
            (two(), "updating", up(), true, (2, Verdict::NotYet, "why")),
            (
                two(),
                "paused",
                half(),
                true,
                (1, Verdict::GaveUp, "No such image"),
            ),
            (two(), "paused", up(), false, (2, Verdict::Runs, "")),
            (
                two(),
                "rollback_completed",
                up(),
                true,
                (2, Verdict::GaveUp, "why"),
            ),
            (
                two(),
                "rollback_completed",
                up(),
                false,
                (2, Verdict::Runs, ""),
            ),
            (
                once(),
                "",
                vec![task(1, "complete", "")],
                true,
                (1, Verdict::Runs, ""),
            ),
            (
                once(),
                "",
                vec![task(1, "failed", "exit 1")],
                true,
                (0, Verdict::NotYet, "exit 1"),
            ),
        ] {
            let health = health(&service(spec, update), &tasks, written);
            let seen = (health.running, health.verdict, health.reason.as_str());
            assert_eq!(seen, wanted, "{update}");
        }
    }
}
