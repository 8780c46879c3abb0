//! Makes the writes of a plan. Whatever was written meanwhile, by us before a crash or by others, is
//! read again and planned anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use phoenix_common::fail_point;
use phoenix_common::wire::{Change, ChangeVerb, Progress};
use serde_json::Value;

use super::dependency;
use super::error::StackError;
use super::live::{Live, LiveObject};
use super::names::Namespace;
use super::operation::{Call, Method, ObjectKind, Operation};
use super::planner::{Step, fill_ids};
use super::registry::{HEADER, Logins};
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// How a list of steps ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// All were made.
    All,
    /// `subject` was written by someone else in between: read and plan again.
    Again { subject: String },
}

/// What a run may have changed, by name.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    pub services: BTreeSet<String>,
    pub networks: BTreeSet<String>,
    pub objects: BTreeSet<(ObjectKind, String)>,
}

impl Touched {
    fn note(&mut self, operation: &Operation) {
        match operation {
            Operation::RemoveService { name, .. } => self.services.insert(name.clone()),
            Operation::CreateService(spec) | Operation::UpdateService { spec, .. } => {
                self.services.insert(spec.name.clone())
            }
            Operation::CreateNetwork(spec) => self.networks.insert(spec.name.clone()),
            Operation::RemoveNetwork { name, .. } => self.networks.insert(name.clone()),
            Operation::CreateObject(kind, spec) | Operation::UpdateObject { kind, spec, .. } => {
                self.objects.insert((*kind, spec.name.clone()))
            }
            Operation::RemoveObject { kind, name, .. } => {
                self.objects.insert((*kind, name.clone()))
            }
        };
    }
}

/// The writes of a run, and who hears of them.
pub struct Writer<'run> {
    pub engine: &'run Engine,
    pub progress: &'run mut dyn FnMut(Progress),
    /// What was written so far.
    pub changes: Vec<Change>,
    pub warnings: Vec<String>,
    /// How long may still be waited for services.
    pub patience: Duration,
    pub namespace: &'run Namespace,
    pub logins: Logins<'run>,
    /// Services written by this run, by name, with their ids.
    pub written: BTreeMap<String, String>,
    /// All that a write was tried on, whether it was answered or not.
    pub touched: Touched,
}

impl std::fmt::Debug for Writer<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Writer")
            .field("changes", &self.changes.len())
            .finish_non_exhaustive()
    }
}

impl<'run> Writer<'run> {
    pub fn new(
        engine: &'run Engine,
        progress: &'run mut dyn FnMut(Progress),
        (namespace, wait_seconds): (&'run Namespace, u32),
    ) -> Self {
        Self {
            engine,
            progress,
            changes: Vec::new(),
            warnings: Vec::new(),
            patience: Duration::from_secs(wait_seconds.into()),
            namespace,
            logins: Logins::default(),
            written: BTreeMap::new(),
            touched: Touched::default(),
        }
    }

    /// Makes the steps in their order; `live` learns the ids of what is created.
    pub async fn apply(
        &mut self,
        steps: Vec<Step>,
        live: &mut Live,
    ) -> Result<Applied, StackError> {
        for mut step in steps {
            match &mut step.operation {
                Operation::CreateService(spec) | Operation::UpdateService { spec, .. } => {
                    fill_ids(spec, live);
                }
                _ => {}
            }
            dependency::wait(self, &step).await?;
            self.touched.note(&step.operation);
            fail_point!("before {}", step.operation.subject());
            let sent = self.send(&step.operation.call()).await;
            fail_point!("after {}", step.operation.subject());
            match sent {
                Ok(answer) => self.made(step, &answer, live),
                Err(error) if self.is_overtaken(&error, &step.operation).await => {
                    let subject = step.operation.subject();
                    self.say(&subject, "written by someone else, read again");
                    return Ok(Applied::Again { subject });
                }
                Err(source) => {
                    let subject = step.operation.subject();
                    return Err(StackError::Write { subject, source });
                }
            }
        }
        Ok(Applied::All)
    }

    /// Another hand was faster: a stale version, the name is there now, or what is to be updated is gone.
    async fn is_overtaken(&self, error: &EngineError, operation: &Operation) -> bool {
        if error.is_out_of_sequence() {
            return true;
        }
        let path = match operation {
            Operation::CreateNetwork(_)
            | Operation::CreateObject(..)
            | Operation::CreateService(_) => return error.is_conflict(),
            Operation::UpdateObject { kind, target, .. } => {
                format!("{}/{}", kind.collection(), target.id)
            }
            Operation::UpdateService { target, .. } => format!("/services/{}", target.id),
            _ => return false,
        };
        // It may also be something else that is not found: a network that the spec names.
        error.is_not_found()
            && matches!(self.engine.get(&path).await, Err(error) if error.is_not_found())
    }

    /// Removes what nothing uses any more. What is still in use stays, with a warning.
    pub async fn clean_up(&mut self, steps: Vec<Step>) {
        for step in steps {
            match self.remove(&step.operation).await {
                Ok(()) => self.note(step.change),
                Err(error) => self
                    .warnings
                    .push(format!("{} stays: {error}", step.change.subject)),
            }
        }
    }

    /// The old task of a service may hold a config for some seconds more.
    async fn remove(&mut self, operation: &Operation) -> Result<(), EngineError> {
        const TRIES: usize = 20;
        let call = operation.call();
        let mut tries = 0;
        loop {
            match self.send(&call).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) if tries < TRIES && is_in_use(&error) => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub async fn send(&self, call: &Call) -> Result<Value, EngineError> {
        match call.method {
            Method::Post => {
                let login = self.logins.header_of_service(&call.body);
                let headers: Vec<(&str, &str)> =
                    login.iter().map(|login| (HEADER, login.as_str())).collect();
                self.engine.post(&call.path, &call.body, &headers).await
            }
            Method::Delete => match self.engine.delete(&call.path).await {
                // Removed already is removed.
                Err(error) if error.is_not_found() => Ok(Value::Null),
                result => result,
            },
        }
    }

    fn made(&mut self, step: Step, answer: &Value, live: &mut Live) {
        let id = ["ID", "Id"]
            .iter()
            .find_map(|key| answer.get(*key)?.as_str())
            .unwrap_or_default();
        match &step.operation {
            Operation::CreateObject(kind, spec) => {
                let object = LiveObject {
                    id: id.to_owned(),
                    version: 0,
                    spec: serde_json::json!(spec),
                };
                live.objects_mut(*kind).insert(spec.name.clone(), object);
            }
            Operation::CreateService(spec) => {
                self.written.insert(spec.name.clone(), id.to_owned());
            }
            Operation::UpdateService { target, spec } => {
                self.written.insert(spec.name.clone(), target.id.clone());
            }
            _ => {}
        }
        let warnings = answer.get("Warnings").or_else(|| answer.get("Warning"));
        let warnings = warnings.and_then(Value::as_array).into_iter().flatten();
        self.warnings
            .extend(warnings.filter_map(Value::as_str).map(str::to_owned));
        self.note(step.change);
    }

    pub fn note(&mut self, change: Change) {
        let done = match change.verb {
            ChangeVerb::Create => "created",
            ChangeVerb::Update => "updated",
            ChangeVerb::Remove => "removed",
        };
        self.say(&change.subject, done);
        self.changes.push(change);
    }

    /// Whether anything may have been written.
    pub fn has_touched(&self) -> bool {
        let Touched {
            services,
            networks,
            objects,
        } = &self.touched;
        !(services.is_empty() && networks.is_empty() && objects.is_empty())
    }

    pub fn say(&mut self, step: &str, message: &str) {
        (self.progress)(Progress {
            step: step.to_owned(),
            message: message.to_owned(),
        });
    }
}

fn is_in_use(error: &EngineError) -> bool {
    let message = error.engine_message();
    message.contains("in use") || message.contains("has active endpoints")
}
