//! The way back: every service a failed deploy changed returns to the spec recorded before its first
//! write, as the engine told it then.

use std::time::Duration;

use phoenix_common::log::Chain;
use phoenix_common::wire::{Change, ChangeVerb};
use serde_json::Value;

use super::apply::{Touched, Writer};
use super::convert::Desired;
use super::error::StackError;
use super::live::{Live, LiveObject};
use super::names::Namespace;
use super::operation::{Call, Method, Operation};
use super::planner::Step;
use super::{converge, snapshot};

/// How often what could not be put back is tried again: a port may be held by a service that comes later.
const ROUNDS: usize = 5;

/// Brings back `before`; the result says how that went and why it was necessary.
pub async fn roll_back(
    writer: &mut Writer<'_>,
    before: &Live,
    (wait_seconds, failure): (u32, StackError),
) -> StackError {
    let namespace = writer.namespace;
    let stack = namespace.name().to_owned();
    writer.say(
        &format!("stack {stack}"),
        &format!("rolls back: {}", Chain(&failure)),
    );
    let touched = std::mem::take(&mut writer.touched);
    writer.written.clear();
    writer.patience = Duration::from_secs(wait_seconds.into());
    let back = Back {
        namespace,
        before,
        touched: &touched,
    };
    let source = Box::new(failure);
    match back.run(writer, wait_seconds).await {
        Ok(()) => StackError::RolledBack { stack, source },
        Err(rollback) => StackError::NotRolledBack {
            stack,
            rollback: Box::new(rollback),
            source,
        },
    }
}

struct Back<'run> {
    namespace: &'run Namespace,
    before: &'run Live,
    touched: &'run Touched,
}

impl Back<'_> {
    async fn run(&self, writer: &mut Writer<'_>, wait_seconds: u32) -> Result<(), StackError> {
        self.services(writer).await?;
        self.labels(writer).await?;
        let waited = converge::wait(writer, wait_seconds).await;
        // What is new goes in any case: nothing uses it now.
        let live = self.read(writer).await?;
        writer.clean_up(self.new_parts(&live)).await;
        waited
    }

    async fn read(&self, writer: &Writer<'_>) -> Result<Live, StackError> {
        snapshot::read(writer.engine, self.namespace, &Desired::default()).await
    }

    /// New services go first, so that their ports are free.
    async fn services(&self, writer: &mut Writer<'_>) -> Result<(), StackError> {
        let mut left = Vec::new();
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            let live = self.read(writer).await?;
            left.clear();
            for (change, call) in self.calls(&live) {
                match writer.send(&call).await {
                    Ok(answer) => put_back(writer, change, &answer),
                    Err(error) => left.push((change.subject, Chain(&error).to_string())),
                }
            }
            if left.is_empty() {
                return Ok(());
            }
        }
        let (subjects, reasons) = left.into_iter().unzip();
        Err(StackError::NotPutBack { subjects, reasons })
    }

    /// The writes that are missing: removals, then updates and creations.
    fn calls(&self, live: &Live) -> Vec<(Change, Call)> {
        let mut removals = Vec::new();
        let mut writes = Vec::new();
        for name in &self.touched.services {
            match (self.before.services.get(name), live.services.get(name)) {
                (None, Some(new)) => {
                    let operation = Operation::RemoveService {
                        name: name.clone(),
                        id: new.id.clone(),
                    };
                    removals.push((
                        change(ChangeVerb::Remove, &operation.subject()),
                        operation.call(),
                    ));
                }
                (Some(old), Some(now)) if old.spec != now.spec => {
                    let path = format!("/services/{}/update?version={}", now.id, now.version);
                    writes.push((
                        change(ChangeVerb::Update, &format!("service {name}")),
                        post(path, old),
                    ));
                }
                (Some(old), None) => {
                    let call = post("/services/create".to_owned(), old);
                    writes.push((change(ChangeVerb::Create, &format!("service {name}")), call));
                }
                _ => {}
            }
        }
        removals.extend(writes);
        removals
    }

    /// Configs and secrets whose labels the deploy changed.
    async fn labels(&self, writer: &mut Writer<'_>) -> Result<(), StackError> {
        let live = self.read(writer).await?;
        for (kind, name) in &self.touched.objects {
            let old = self.before.objects(*kind).get(name);
            let now = live.objects(*kind).get(name);
            let (Some(old), Some(now)) = (old, now) else {
                continue;
            };
            if old.spec == now.spec {
                continue;
            }
            let path = format!(
                "{}/{}/update?version={}",
                kind.collection(),
                now.id,
                now.version
            );
            let subject = format!("{} {name}", kind.word());
            match writer.send(&post(path, old)).await {
                Ok(_) => writer.note(change(ChangeVerb::Update, &subject)),
                Err(source) => return Err(StackError::Write { subject, source }),
            }
        }
        Ok(())
    }

    /// Networks, configs and secrets that were not there before.
    fn new_parts(&self, live: &Live) -> Vec<Step> {
        let ours = |object: &&LiveObject| object.is_of(self.namespace.name());
        let mut operations = Vec::new();
        for (kind, name) in &self.touched.objects {
            let known = self.before.objects(*kind).contains_key(name);
            if let Some(object) = live
                .objects(*kind)
                .get(name)
                .filter(ours)
                .filter(|_| !known)
            {
                operations.push(Operation::RemoveObject {
                    kind: *kind,
                    name: name.clone(),
                    id: object.id.clone(),
                });
            }
        }
        for name in &self.touched.networks {
            let known = self.before.networks.contains_key(name);
            if let Some(network) = live.networks.get(name).filter(ours).filter(|_| !known) {
                operations.push(Operation::RemoveNetwork {
                    name: name.clone(),
                    id: network.id.clone(),
                });
            }
        }
        let step = |operation: Operation| Step {
            change: change(ChangeVerb::Remove, &operation.subject()),
            operation,
            after: Vec::new(),
        };
        operations.into_iter().map(step).collect()
    }
}

fn put_back(writer: &mut Writer<'_>, change: Change, answer: &Value) {
    if change.verb != ChangeVerb::Remove
        && let Some(name) = change.subject.strip_prefix("service ")
    {
        let id = answer.get("ID").and_then(Value::as_str).unwrap_or_default();
        writer.written.insert(name.to_owned(), id.to_owned());
    }
    writer.note(change);
}

fn change(verb: ChangeVerb, subject: &str) -> Change {
    Change {
        verb,
        subject: subject.to_owned(),
        fields: Vec::new(),
    }
}

/// With the recorded spec as it was told: nothing of it is lost on the way through types.
fn post(path: String, recorded: &LiveObject) -> Call {
    Call {
        method: Method::Post,
        path,
        body: recorded.spec.clone(),
    }
}
