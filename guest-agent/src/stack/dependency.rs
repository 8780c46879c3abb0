//! Waits for the services that another one depends on, before that one is created.

use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};

use super::apply::Writer;
use super::convert::Dependency;
use super::error::StackError;
use super::health::{Verdict, health};
use super::model::Condition;
use super::planner::Step;
use super::tasks::{RunningService, Task};
use super::{converge, tasks};
use crate::docker::error::EngineError;

/// Returns when `step` may be made.
///
/// # Errors
/// A service that must end well failed for good, or the writer's patience ended.
pub async fn wait(writer: &mut Writer<'_>, step: &Step) -> Result<(), StackError> {
    if step.after.is_empty() {
        return Ok(());
    }
    let deadline = Deadline::after(writer.patience);
    let mut pauses = Backoff::new(Duration::from_millis(100), Duration::from_millis(700));
    let mut said = String::new();
    loop {
        match look(writer, &step.after).await {
            Ok(seen) if seen.missing.is_empty() => {
                writer.patience = deadline.remaining();
                return Ok(());
            }
            Ok(seen) => {
                let stack = writer.namespace.name().to_owned();
                let key = writer.namespace.key_of(step.operation.subject_name());
                let text = format!("{key} waits for {}", seen.missing.join("; "));
                if seen.failed {
                    let services = vec![text];
                    return Err(StackError::NotRunning { stack, services });
                }
                if deadline.has_passed() {
                    return Err(StackError::DependencyEnded { stack, text });
                }
                if said != text {
                    writer.say(&step.operation.subject(), &text);
                    said = text;
                }
            }
            Err(error) if error.is_retryable() && !deadline.has_passed() => {}
            Err(source) => {
                return Err(StackError::Read {
                    what: "the tasks",
                    stack: writer.namespace.name().to_owned(),
                    source,
                });
            }
        }
        let pause = pauses.next().unwrap_or_default();
        tokio::time::sleep(pause.min(deadline.remaining().max(Duration::from_millis(50)))).await;
    }
}

#[derive(Default)]
struct Seen {
    /// One line for each that is not so far.
    missing: Vec<String>,
    /// One of them never will be.
    failed: bool,
}

async fn look(writer: &Writer<'_>, wanted: &[Dependency]) -> Result<Seen, EngineError> {
    let services = tasks::services(writer.engine, writer.namespace).await?;
    let tasks = tasks::tasks(writer.engine, writer.namespace, true).await?;
    let mut seen = Seen::default();
    for dependency in wanted {
        let key = writer.namespace.key_of(&dependency.service);
        let word = dependency.condition.word();
        let service = services
            .iter()
            .find(|service| service.name == dependency.service);
        let Some(service) = service else {
            seen.missing
                .push(format!("{key} ({word}): it is not there"));
            continue;
        };
        match reached(dependency.condition, service, &tasks) {
            Reached::Yes => {}
            no => {
                let line = converge::line(key, &health(service, &tasks, false));
                seen.missing.push(format!("{line} (wanted: {word})"));
                seen.failed |= no == Reached::Never;
            }
        }
    }
    Ok(seen)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Yes,
    NotYet,
    Never,
}

/// Whether a service is so far.
fn reached(condition: Condition, service: &RunningService, tasks: &[Task]) -> Reached {
    let health = health(service, tasks, false);
    let own = || tasks.iter().filter(|task| task.service_id == service.id);
    let in_state = |states: &[&str]| {
        let tasks = own().filter(|task| states.contains(&task.state.as_str()));
        let slots: std::collections::BTreeSet<_> = tasks
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
        slots.len() as u64
    };
    let enough = match condition {
        // A container whose health check has not passed yet is `starting`.
        Condition::Started => in_state(&["starting", "running", "complete"]) >= health.wanted,
        Condition::Healthy => health.verdict == Verdict::Runs,
        Condition::Completed => in_state(&["complete"]) >= health.wanted,
    };
    let ended = || in_state(&["failed", "rejected"]) > 0 && !is_restarted(service);
    if enough {
        Reached::Yes
    } else if condition == Condition::Completed && ended() {
        Reached::Never
    } else {
        Reached::NotYet
    }
}

fn is_restarted(service: &RunningService) -> bool {
    let condition = service
        .spec
        .pointer("/TaskTemplate/RestartPolicy/Condition");
    condition.and_then(serde_json::Value::as_str) != Some("none")
}
