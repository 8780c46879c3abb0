//! The volumes a stack left on this node. They are data: they go only when that is asked for. Every node has
//! its own, and only its own engine tells of them.

use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::wire::{Change, ChangeVerb, Progress, StackVolumes, WorkReport};
use serde_json::Value;

use super::error::StackError;
use super::names::Namespace;
use super::snapshot;
use crate::docker::engine::{Engine, percent_encode};

/// The volumes on this node that carry the label of the stack `name`.
///
/// # Errors
/// The engine does not answer.
pub async fn volumes(engine: &Engine, name: &str) -> Result<StackVolumes, StackError> {
    let namespace = Namespace::new(name);
    let path = format!("/volumes?{}", snapshot::label_query(&namespace));
    let answer = engine.get(&path).await.map_err(|source| StackError::Read {
        what: "the volumes",
        stack: name.to_owned(),
        source,
    })?;
    let listed = answer.get("Volumes").and_then(Value::as_array);
    let ours = |volume: &&Value| {
        let label = volume.pointer("/Labels/com.docker.stack.namespace");
        label.and_then(Value::as_str) == Some(name)
    };
    let mut names: Vec<String> = listed
        .into_iter()
        .flatten()
        .filter(ours)
        .filter_map(|volume| Some(volume.get("Name")?.as_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(StackVolumes { names })
}

/// Removes them, data and all. A container that is still ending holds its volumes: that is waited for.
///
/// # Errors
/// Something is left after `wait_seconds`, or the engine refuses.
pub async fn remove_volumes(
    engine: &Engine,
    name: &str,
    wait_seconds: u32,
    progress: &mut dyn FnMut(Progress),
) -> Result<WorkReport, StackError> {
    let deadline = Deadline::after(Duration::from_secs(wait_seconds.into()));
    let mut pauses = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
    let mut report = WorkReport::default();
    loop {
        let mut left = Vec::new();
        for volume in volumes(engine, name).await?.names {
            let subject = format!("volume {volume}");
            if !delete(engine, &volume).await? {
                left.push(subject);
                continue;
            }
            progress(Progress {
                step: subject.clone(),
                message: "removed".to_owned(),
            });
            report.changes.push(Change {
                verb: ChangeVerb::Remove,
                subject,
                fields: Vec::new(),
            });
        }
        if left.is_empty() {
            return Ok(report);
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

/// Whether it is gone; in use is not yet.
async fn delete(engine: &Engine, volume: &str) -> Result<bool, StackError> {
    match engine
        .delete(&format!("/volumes/{}", percent_encode(volume)))
        .await
    {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(true),
        Err(error) if error.is_conflict() || error.is_retryable() => Ok(false),
        Err(source) => Err(StackError::Write {
            subject: format!("volume {volume}"),
            source,
        }),
    }
}

/// Host names of the other nodes of the Swarm, which may have volumes of the stack, too.
///
/// # Errors
/// The engine does not answer.
pub async fn other_nodes(engine: &Engine, name: &str) -> Result<Vec<String>, StackError> {
    let failed = |source| StackError::Read {
        what: "the nodes",
        stack: name.to_owned(),
        source,
    };
    let own = engine.get("/info").await.map_err(failed)?;
    let own = own.pointer("/Swarm/NodeID").and_then(Value::as_str);
    let nodes = engine.get("/nodes").await.map_err(failed)?;
    let nodes = nodes.as_array().into_iter().flatten();
    let mut names: Vec<String> = nodes
        .filter(|node| node.get("ID").and_then(Value::as_str) != own)
        .filter_map(|node| {
            let name = node.pointer("/Description/Hostname")?.as_str()?;
            Some(name.to_owned())
        })
        .collect();
    names.sort();
    Ok(names)
}
