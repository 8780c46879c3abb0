//! Whether a service runs what its spec says. Pure.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The engine gave up: an update paused or was rolled back, or a task failed that is not restarted.
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
    let slots = slots(&own);
    let one_shot = is_one_shot(&service.spec);
    let fine = slots.values().filter(|tasks| {
        let runs = |task: &&Task| task.state == "running" && task.desired_state == "running";
        let ended_well = one_shot && tasks.last().is_some_and(|task| task.state == "complete");
        ended_well || tasks.iter().any(runs)
    });
    let running = fine.count() as u64;
    let enough = running >= wanted;
    let ended_badly = slots
        .values()
        .any(|tasks| failed_for_good(&service.spec, tasks));
    let verdict = match service.update.state.as_str() {
        "paused" | "rollback_paused" if written || !enough => Verdict::GaveUp,
        "rollback_completed" if written => Verdict::GaveUp,
        "updating" | "rollback_started" => Verdict::NotYet,
        _ if enough => Verdict::Runs,
        _ if ended_badly => Verdict::GaveUp,
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

/// Tasks by replica, global ones by node; the newest last.
fn slots<'tasks>(own: &[&'tasks Task]) -> BTreeMap<(u64, &'tasks str), Vec<&'tasks Task>> {
    let mut slots: BTreeMap<_, Vec<&Task>> = BTreeMap::new();
    for task in own {
        let node = if task.slot == 0 {
            task.node_id.as_str()
        } else {
            ""
        };
        slots.entry((task.slot, node)).or_default().push(task);
    }
    for tasks in slots.values_mut() {
        tasks.sort_by_key(|task| age_key(task));
    }
    slots
}

/// Trailing zeros of the fraction are left out by the engine, so the `Z` would compare against digits.
fn age_key(task: &Task) -> &str {
    task.timestamp.trim_end_matches('Z')
}

/// Whether the newest task of a replica failed and the restart policy allows no further one.
fn failed_for_good(spec: &Value, tasks: &[&Task]) -> bool {
    let failed = |task: &&&Task| matches!(task.state.as_str(), "failed" | "rejected");
    if !tasks.last().as_ref().is_some_and(failed) {
        return false;
    }
    let policy = |key| spec.pointer("/TaskTemplate/RestartPolicy")?.get(key);
    if policy("Condition").and_then(Value::as_str) == Some("none") {
        return true;
    }
    let number = |key| policy(key).and_then(Value::as_u64).unwrap_or_default();
    let attempts = number("MaxAttempts");
    // With a window, attempts are counted anew all the time.
    let failures = tasks.iter().filter(failed).count() as u64;
    attempts > 0 && number("Window") == 0 && failures > attempts
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
        .max_by_key(|task| age_key(task));
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
                (0, Verdict::GaveUp, "exit 1"),
            ),
        ] {
            let health = health(&service(spec, update), &tasks, written);
            let seen = (health.running, health.verdict, health.reason.as_str());
            assert_eq!(seen, wanted, "{update}");
        }
    }

    #[test]
    fn the_newest_task_of_a_replica_counts() {
        let spec = |policy: Value| json!({"Mode": {"Replicated": {"Replicas": 1}}, "TaskTemplate": {"RestartPolicy": policy}});
        let at = |state: &str, time: &str| Task {
            timestamp: format!("2026-01-01T00:00:{time}Z"),
            ..task(1, state, "")
        };
        let on_failure = || json!({"Condition": "on-failure"});
        let twice =
            |window: u64| json!({"Condition": "on-failure", "MaxAttempts": 1, "Window": window});
        let complete_then_failed = || vec![at("complete", "01"), at("failed", "01.5")];
        let failed_twice = || vec![at("failed", "01"), at("failed", "02")];
        for (policy, tasks, wanted) in [
            (on_failure(), complete_then_failed(), Verdict::NotYet),
            (
                on_failure(),
                vec![at("failed", "01.1"), at("complete", "01.15")],
                Verdict::Runs,
            ),
            (on_failure(), failed_twice(), Verdict::NotYet),
            (twice(0), failed_twice(), Verdict::GaveUp),
            (twice(1), failed_twice(), Verdict::NotYet),
            (twice(0), vec![at("failed", "01")], Verdict::NotYet),
        ] {
            let health = health(&service(spec(policy.clone()), ""), &tasks, true);
            assert_eq!(health.verdict, wanted, "{policy} {tasks:?}");
        }
    }
}
