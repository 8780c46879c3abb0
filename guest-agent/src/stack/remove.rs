//! Removes a stack: services, their tasks and containers, then configs, secrets and networks.
//! What belongs to it is told by the label alone, never by a name.

use std::collections::BTreeMap;
use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::wire::{Change, ChangeVerb, Progress, WorkReport};
use serde_json::Value;

use super::convert::Desired;
use super::error::StackError;
use super::live::{Live, LiveObject};
use super::names::Namespace;
use super::operation::ObjectKind;
use super::snapshot;
use super::tasks;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// Removes all of the stack `name`; nothing there is fine, too. Volumes stay: they are data.
///
/// # Errors
/// Something is left after `wait_seconds`, or the engine refuses.
pub async fn remove(
    engine: &Engine,
    name: &str,
    wait_seconds: u32,
    progress: &mut dyn FnMut(Progress),
) -> Result<WorkReport, StackError> {
    let namespace = Namespace::new(name);
    snapshot::check_manager(engine, &namespace).await?;
    let mut removal = Removal {
        engine,
        namespace: &namespace,
        progress,
        changes: Vec::new(),
    };
    let deadline = Deadline::after(Duration::from_secs(wait_seconds.into()));
    let mut pauses = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
    loop {
        let left = match removal.round().await {
            Ok(left) => left,
            Err(StackError::Read { source, .. })
                if source.is_retryable() && !deadline.has_passed() =>
            {
                vec!["an engine that answers".to_owned()]
            }
            Err(error) => return Err(error),
        };
        if left.is_empty() {
            return Ok(WorkReport {
                changes: removal.changes,
                warnings: Vec::new(),
            });
        }
        if deadline.has_passed() {
            return Err(StackError::NotRemoved {
                stack: name.to_owned(),
                seconds: wait_seconds,
                left,
            });
        }
        tokio::time::sleep(pauses.next().unwrap_or_default()).await;
    }
}

struct Removal<'run> {
    engine: &'run Engine,
    namespace: &'run Namespace,
    progress: &'run mut dyn FnMut(Progress),
    changes: Vec<Change>,
}

impl Removal<'_> {
    /// Removes what can go now; returns what is left.
    async fn round(&mut self) -> Result<Vec<String>, StackError> {
        let live = snapshot::read(self.engine, self.namespace, &Desired::default()).await?;
        for (name, service) in &live.services {
            self.delete(
                &format!("service {name}"),
                &format!("/services/{}", service.id),
            )
            .await?;
        }
        // A node that is down keeps its tasks for hours: the rest does not wait for them.
        let mut left = self.tasks_left().await?;
        for (subject, path) in self.rest(&live) {
            if !self.delete(&subject, &path).await? {
                left.push(subject);
            }
        }
        if left.is_empty() && !is_empty(&live, self.namespace) {
            // Looked at once more: the engine says yes before it is done.
            left.push("what was just removed".to_owned());
        }
        Ok(left)
    }

    /// Configs, secrets and networks of the stack, as subject and path.
    fn rest(&self, live: &Live) -> Vec<(String, String)> {
        let ours = |object: &LiveObject| object.is_of(self.namespace.name());
        let mut rest = Vec::new();
        for kind in [ObjectKind::Config, ObjectKind::Secret] {
            for (name, object) in live.objects(kind).iter().filter(|(_, object)| ours(object)) {
                let path = format!("{}/{}", kind.collection(), object.id);
                rest.push((format!("{} {name}", kind.word()), path));
            }
        }
        for (name, network) in live.networks.iter().filter(|(_, network)| ours(network)) {
            rest.push((
                format!("network {name}"),
                format!("/networks/{}", network.id),
            ));
        }
        rest
    }

    /// Tasks anywhere in the Swarm and containers on this node: both hold networks and configs.
    async fn tasks_left(&self) -> Result<Vec<String>, StackError> {
        let failed = |what| {
            move |source| StackError::Read {
                what,
                stack: self.namespace.name().to_owned(),
                source,
            }
        };
        let tasks = tasks::tasks(self.engine, self.namespace, false)
            .await
            .map_err(failed("the tasks"))?;
        let alive = |state: &str| {
            !matches!(
                state,
                "complete" | "shutdown" | "failed" | "rejected" | "remove" | "orphaned"
            )
        };
        let mut by_node: BTreeMap<&str, usize> = BTreeMap::new();
        for task in tasks.iter().filter(|task| alive(&task.state)) {
            *by_node.entry(&task.node_id).or_default() += 1;
        }
        let nodes = if by_node.is_empty() {
            BTreeMap::new()
        } else {
            self.nodes().await.map_err(failed("the nodes"))?
        };
        let path = format!(
            "/containers/json?all=true&{}",
            snapshot::label_query(self.namespace)
        );
        let containers = self
            .engine
            .get(&path)
            .await
            .map_err(failed("the containers"))?;
        let containers = containers.as_array().map_or(0, Vec::len);
        let mut left: Vec<String> = by_node
            .iter()
            .map(|(id, count)| match nodes.get(*id) {
                Some(node) => format!("{count} task(s) on node {node}"),
                None if id.is_empty() => format!("{count} task(s) on no node"),
                None => format!("{count} task(s) on node {id}"),
            })
            .collect();
        if containers > 0 {
            left.push(format!("{containers} container(s) on this node"));
        }
        Ok(left)
    }

    /// Host name and state of every node, by id.
    async fn nodes(&self) -> Result<BTreeMap<String, String>, EngineError> {
        let answer = self.engine.get("/nodes").await?;
        let nodes = answer.as_array().into_iter().flatten();
        Ok(nodes
            .filter_map(|node| {
                let text = |pointer| node.pointer(pointer).and_then(Value::as_str);
                let name = text("/Description/Hostname").unwrap_or_default();
                let state = text("/Status/State").unwrap_or("in no known state");
                Some((text("/ID")?.to_owned(), format!("{name} ({state})")))
            })
            .collect())
    }

    /// Whether it is gone. In use is not yet.
    async fn delete(&mut self, subject: &str, path: &str) -> Result<bool, StackError> {
        match self.engine.delete(path).await {
            Ok(_) => {
                (self.progress)(Progress {
                    step: subject.to_owned(),
                    message: "removed".to_owned(),
                });
                let known = self.changes.iter().any(|change| change.subject == subject);
                if !known {
                    self.changes.push(Change {
                        verb: ChangeVerb::Remove,
                        subject: subject.to_owned(),
                        fields: Vec::new(),
                    });
                }
                Ok(true)
            }
            Err(error) if error.is_not_found() || says_not_found(&error) => Ok(true),
            Err(error) if error.engine_message().contains("in use") || error.is_retryable() => {
                Ok(false)
            }
            Err(error) if error.engine_message().contains("active endpoints") => Ok(false),
            Err(source) => Err(StackError::Write {
                subject: subject.to_owned(),
                source,
            }),
        }
    }
}

/// A network that is going: a second removal is answered with 500 and these words.
fn says_not_found(error: &EngineError) -> bool {
    error.engine_message().contains("not found")
}

fn is_empty(live: &Live, namespace: &Namespace) -> bool {
    let ours = |object: &LiveObject| object.is_of(namespace.name());
    let all = [&live.networks, &live.configs, &live.secrets, &live.services];
    !all.iter().any(|objects| objects.values().any(ours))
}
