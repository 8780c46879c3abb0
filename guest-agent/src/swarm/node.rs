//! Entries of nodes, written by a manager.

use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::wire::{
    Availability, Change, ChangeVerb, FieldChange, SwarmNodeUpdate, SwarmRole, WorkReport,
};
use serde_json::{Value, json};

use super::error::SwarmError;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::progress::ProgressLog;

/// How often an update is tried while others write the same entry or the leader changes.
const TRIES: usize = 10;

/// How long a node that has left may take to be down for the managers.
const DOWN_DEADLINE: Duration = Duration::from_secs(20);

/// Makes the entry as `update` says; writes nothing when it is so.
///
/// # Errors
/// No such node, the last manager shall be demoted, or the Swarm has no leader.
pub async fn update(
    engine: &Engine,
    update: &SwarmNodeUpdate,
    progress: &mut ProgressLog,
) -> Result<WorkReport, SwarmError> {
    check_id(&update.node_id)?;
    let mut pauses = Backoff::new(Duration::from_millis(50), Duration::from_secs(3));
    let mut tries = 0;
    loop {
        tries += 1;
        match update_once(engine, update, progress).await {
            Err(error) if error.is_retryable() && tries < TRIES => {
                progress.step(
                    "swarm",
                    "the node's entry moved or the leader changes: once more",
                );
            }
            Err(SwarmError::Engine(error)) if error.is_out_of_sequence() => {
                return Err(SwarmError::Contended {
                    node_id: update.node_id.clone(),
                    times: TRIES,
                });
            }
            result => return result,
        }
        tokio::time::sleep(pauses.next().unwrap_or_default()).await;
    }
}

/// Removes the entry of a node that is down; nothing when there is none. A node that has just left is
/// waited for: the managers see it as ready for some seconds more.
///
/// # Errors
/// The node runs, or is a manager.
pub async fn remove(
    engine: &Engine,
    node_id: &str,
    progress: &mut ProgressLog,
) -> Result<WorkReport, SwarmError> {
    check_id(node_id)?;
    await_down(engine, node_id, progress).await?;
    match engine.delete(&format!("/nodes/{node_id}")).await {
        Ok(_) => {
            progress.step("swarm", &format!("removed node {node_id}"));
            Ok(WorkReport {
                changes: vec![Change {
                    verb: ChangeVerb::Remove,
                    subject: format!("node {node_id}"),
                    fields: Vec::new(),
                }],
                warnings: Vec::new(),
            })
        }
        Err(error) if error.is_not_found() => Ok(WorkReport::default()),
        Err(error) => Err(error.into()),
    }
}

/// Waits until the node is down and no manager, gone, or runs on: then the engine refuses the removal in its own words.
async fn await_down(
    engine: &Engine,
    node_id: &str,
    progress: &mut ProgressLog,
) -> Result<(), SwarmError> {
    let deadline = Deadline::after(DOWN_DEADLINE);
    let mut pauses = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let mut is_said = false;
    loop {
        let node = match engine.get(&format!("/nodes/{node_id}")).await {
            Err(error) if error.is_not_found() => return Ok(()),
            node => node?,
        };
        let is_down = node.pointer("/Status/State").and_then(Value::as_str) == Some("down");
        let shall_manage = node.pointer("/Spec/Role").and_then(Value::as_str) == Some("manager");
        // A demotion takes effect a moment after it was written.
        let manages = node.get("ManagerStatus").is_some_and(Value::is_object);
        if (is_down && !manages) || shall_manage || deadline.has_passed() {
            return Ok(());
        }
        if !is_said {
            progress.step("swarm", &format!("waiting for node {node_id} to be down"));
            is_said = true;
        }
        tokio::time::sleep(pauses.next().unwrap_or_default()).await;
    }
}

async fn update_once(
    engine: &Engine,
    update: &SwarmNodeUpdate,
    progress: &mut ProgressLog,
) -> Result<WorkReport, SwarmError> {
    let path = format!("/nodes/{}", update.node_id);
    let node = match engine.get(&path).await {
        Err(error) if error.is_not_found() => {
            return Err(SwarmError::NoSuchNode {
                node_id: update.node_id.clone(),
            });
        }
        node => node?,
    };
    let lacks = |field| EngineError::Field {
        asked: format!("GET {path}"),
        field,
    };
    let version = node.pointer("/Version/Index").and_then(Value::as_u64);
    let version = version.ok_or_else(|| lacks("Version.Index"))?;
    let mut spec = node.get("Spec").cloned().ok_or_else(|| lacks("Spec"))?;
    let fields = apply(&mut spec, update);
    if fields.is_empty() {
        return Ok(WorkReport::default());
    }
    engine
        .post(&format!("{path}/update?version={version}"), &spec, &[])
        .await?;
    let hostname = node
        .pointer("/Description/Hostname")
        .and_then(Value::as_str);
    let subject = format!("node {}", hostname.unwrap_or(&update.node_id));
    progress.step(&subject, "updated");
    Ok(WorkReport {
        changes: vec![Change {
            verb: ChangeVerb::Update,
            subject,
            fields,
        }],
        warnings: Vec::new(),
    })
}

/// Changes the node's whole `Spec` in place, which keeps what we do not know, and says what changed.
fn apply(spec: &mut Value, update: &SwarmNodeUpdate) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    // An engine leaves empty labels out or writes null.
    if !spec.get("Labels").is_some_and(Value::is_object) {
        spec["Labels"] = json!({});
    }
    for name in &update.remove_labels {
        if update.set_labels.contains_key(name) {
            continue;
        }
        if let Some(labels) = spec["Labels"].as_object_mut()
            && let Some(before) = labels.remove(name)
        {
            fields.push(FieldChange {
                field: format!("label {name}"),
                before: Some(text(&before)),
                after: None,
            });
        }
    }
    for (name, value) in &update.set_labels {
        let field = format!("label {name}");
        set(&mut spec["Labels"], name, value, field, &mut fields);
    }
    if let Some(role) = update.role {
        let role = match role {
            SwarmRole::Manager => "manager",
            SwarmRole::Worker => "worker",
        };
        set(spec, "Role", role, "role".to_owned(), &mut fields);
    }
    if let Some(availability) = update.availability {
        let availability = match availability {
            Availability::Active => "active",
            Availability::Pause => "pause",
            Availability::Drain => "drain",
        };
        set(
            spec,
            "Availability",
            availability,
            "availability".to_owned(),
            &mut fields,
        );
    }
    fields
}

fn set(object: &mut Value, key: &str, value: &str, field: String, fields: &mut Vec<FieldChange>) {
    let before = object.get(key).map(text);
    if before.as_deref() != Some(value) {
        object[key] = Value::from(value);
        fields.push(FieldChange {
            field,
            before,
            after: Some(value.to_owned()),
        });
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A node id becomes part of a path.
fn check_id(node_id: &str) -> Result<(), SwarmError> {
    let is_fine = (1..=64).contains(&node_id.len())
        && node_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_fine {
        Ok(())
    } else {
        Err(SwarmError::NodeId(node_id.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(set: &[(&str, &str)], remove: &[&str]) -> SwarmNodeUpdate {
        SwarmNodeUpdate {
            node_id: "n".into(),
            set_labels: set
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
            remove_labels: remove.iter().map(|name| (*name).into()).collect(),
            role: None,
            availability: Some(Availability::Active),
        }
    }

    #[test]
    fn only_what_is_named_changes() {
        let mut spec = json!({"Novel": {"x": 1}, "Role": "worker", "Availability": "drain",
            "Labels": {"theirs": "1", "gpu": "no", "old": ""}});
        let fields = apply(&mut spec, &update(&[("gpu", "true")], &["old", "absent"]));
        let names: Vec<&str> = fields.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(names, ["label old", "label gpu", "availability"]);
        assert_eq!(
            spec,
            json!({"Novel": {"x": 1}, "Role": "worker", "Availability": "active",
                "Labels": {"theirs": "1", "gpu": "true"}})
        );
        assert!(apply(&mut spec, &update(&[("gpu", "true")], &["old"])).is_empty());
    }

    #[test]
    fn missing_labels_are_made() {
        let mut spec = json!({"Role": "worker", "Availability": "active", "Labels": null});
        assert_eq!(apply(&mut spec, &update(&[("a", "")], &[])).len(), 1);
        assert_eq!(spec["Labels"], json!({"a": ""}));
    }

    #[test]
    fn ids_cannot_change_the_path() {
        assert!(check_id("4kl2bd1mz6uv").is_ok());
        for bad in ["", "a/b", "..", "a?force=true"] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }
}
