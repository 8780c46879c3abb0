//! Waits until the services of a stack run what their specs say, all watched at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::untrusted::Untrusted;
use serde_json::Value;

use super::apply::Writer;
use super::error::StackError;
use super::health::{Health, Verdict, health};
use super::names::Namespace;
use super::tasks::{self, RunningService};
use crate::docker::error::EngineError;

/// How long a service that was just written must run before it counts, where its `update_config` has no `monitor`:
/// a task that dies at once was running, too. Docker's default. It comes on top of what may be waited.
const STEADY: Duration = Duration::from_secs(5);

/// Returns when every service runs that was written, or that comes up still; `wait_seconds` is how long
/// was to be waited in all. What was broken before this run is only told of.
///
/// # Errors
/// The engine gave up on an update, or `wait_seconds` passed; with each service's own reason.
pub async fn wait(writer: &mut Writer<'_>, wait_seconds: u32) -> Result<(), StackError> {
    let namespace = writer.namespace;
    let deadline = Deadline::after(writer.patience);
    let mut watch = Watch {
        namespace,
        shown: BTreeMap::new(),
        steady_since: BTreeMap::new(),
        longest: STEADY.max(Duration::from_secs(wait_seconds.into())),
    };
    let mut pauses = Backoff::new(Duration::from_millis(100), Duration::from_millis(700));
    loop {
        match watch.look(writer).await {
            Ok(Seen::AllRun) => return Ok(()),
            // Not to be waited for: a look is enough.
            Ok(Seen::Settling) if wait_seconds == 0 => return Ok(()),
            Ok(Seen::GaveUp(services)) => {
                return Err(StackError::NotRunning {
                    stack: namespace.name().to_owned(),
                    services,
                });
            }
            Ok(Seen::NotYet(services)) if deadline.has_passed() => {
                return Err(StackError::WaitEnded {
                    stack: namespace.name().to_owned(),
                    seconds: wait_seconds,
                    services,
                });
            }
            Ok(Seen::NotYet(_) | Seen::Settling) => {}
            // An election takes seconds; the deadline bounds it.
            Err(error) if error.is_retryable() && !deadline.has_passed() => {}
            Err(source) => {
                return Err(StackError::Read {
                    what: "the tasks",
                    stack: namespace.name().to_owned(),
                    source,
                });
            }
        }
        let pause = pauses.next().unwrap_or_default();
        tokio::time::sleep(pause.min(deadline.remaining().max(Duration::from_millis(50)))).await;
    }
}

enum Seen {
    AllRun,
    NotYet(Vec<String>),
    /// All run, for too short a time to tell.
    Settling,
    GaveUp(Vec<String>),
}

struct Watch<'run> {
    namespace: &'run Namespace,
    /// The last line said of each service.
    shown: BTreeMap<String, String>,
    /// Since when a service that was written runs.
    steady_since: BTreeMap<String, Instant>,
    /// Longest time that a service is watched for after it came up.
    longest: Duration,
}

impl Watch<'_> {
    async fn look(&mut self, writer: &mut Writer<'_>) -> Result<Seen, EngineError> {
        let services = tasks::services(writer.engine, self.namespace).await?;
        let tasks = tasks::tasks(writer.engine, self.namespace, true).await?;
        let mut missing = Vec::new();
        let mut gave_up = Vec::new();
        let mut told = Vec::new();
        let mut settling = false;
        for service in &services {
            let written = writer.written.contains_key(&service.name);
            let health = health(service, &tasks, written);
            let line = line(self.namespace.key_of(&service.name), &health);
            self.say(writer, &service.name, &line, &health);
            settling |= written && !self.is_steady(service, health.verdict);
            match health.verdict {
                Verdict::Runs if health.wanted == 0 && written => told.push(format!(
                    "service {} has no task: it wants none, or no node fits",
                    service.name
                )),
                Verdict::Runs => {}
                // Left by a run that was cut off, it may come up; broken it has a reason.
                Verdict::NotYet if written || health.reason.is_empty() => missing.push(line),
                Verdict::GaveUp if written => {
                    gave_up.push(match service.update.state.as_str() {
                        "" | "completed" => line,
                        state => format!("{line} (update {state})"),
                    });
                }
                Verdict::NotYet | Verdict::GaveUp => {
                    told.push(format!("left as it is, and not as it should be: {line}"));
                }
            }
        }
        if !gave_up.is_empty() {
            return Ok(Seen::GaveUp(gave_up));
        }
        if !missing.is_empty() {
            return Ok(Seen::NotYet(missing));
        }
        if settling {
            return Ok(Seen::Settling);
        }
        writer.warnings.extend(told);
        Ok(Seen::AllRun)
    }

    /// Whether the service has run for as long as it is to be watched.
    fn is_steady(&mut self, service: &RunningService, verdict: Verdict) -> bool {
        if verdict != Verdict::Runs {
            self.steady_since.remove(&service.name);
            return false;
        }
        let now = Instant::now();
        let since = *self.steady_since.entry(service.name.clone()).or_insert(now);
        now.duration_since(since) >= monitor(&service.spec).min(self.longest)
    }

    /// One line per change. Services that run already and were not written are not spoken of.
    fn say(&mut self, writer: &mut Writer<'_>, name: &str, line: &str, health: &Health) {
        let quiet = health.verdict == Verdict::Runs
            && !self.shown.contains_key(name)
            && !writer.written.contains_key(name);
        if quiet || self.shown.get(name).is_some_and(|shown| shown == line) {
            return;
        }
        self.shown.insert(name.to_owned(), line.to_owned());
        writer.say(&format!("service {name}"), line);
    }
}

/// `update_config.monitor`; the engine takes 0 for its default, too.
fn monitor(spec: &Value) -> Duration {
    let nanoseconds = spec
        .pointer("/UpdateConfig/Monitor")
        .and_then(Value::as_u64);
    match nanoseconds {
        None | Some(0) => STEADY,
        Some(nanoseconds) => Duration::from_nanos(nanoseconds),
    }
}

/// `web 1/2 running: reason`
pub(super) fn line(key: &str, health: &Health) -> String {
    let Health {
        running,
        wanted,
        reason,
        ..
    } = health;
    let counts = format!("{key} {running}/{wanted} running");
    if reason.is_empty() {
        return counts;
    }
    format!("{counts}: {}", Untrusted(reason))
}
