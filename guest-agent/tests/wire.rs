//! The messages between hypervisor and agent, as files of each protocol version: an old one must be
//! understood for as long as its version is.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use phoenix_common::wire::{Answer, JobState, Outcome, Request, RequestBody, Response, Work};
use serde_json::Value;

/// Every question, every work and every answer; the matches below keep this list complete.
const KINDS: &[&str] = &[
    "facts?",
    "plan_guest?",
    "inspect_guest?",
    "swarm_view?",
    "swarm_token?",
    "plan_stack?",
    "stack_status?",
    "missing_paths?",
    "stack_volumes?",
    "swarm_stacks?",
    "portainer?",
    "swarm_node_tasks?",
    "swarm_node_update?",
    "job_status?",
    "apply_guest",
    "swarm_init",
    "swarm_join",
    "swarm_leave",
    "swarm_node_update",
    "swarm_node_remove",
    "deploy_stack",
    "remove_stack",
    "apply_portainer",
    "pull_images",
    "remove_orphans",
    "make_folders",
    "remove_stack_volumes",
    "facts!",
    "plan_guest!",
    "inspect_guest!",
    "swarm_view!",
    "swarm_token!",
    "plan_stack!",
    "stack_status!",
    "missing_paths!",
    "stack_volumes!",
    "swarm_stacks!",
    "portainer!",
    "swarm_node_tasks!",
    "swarm_node_update!",
    "job_start!",
    "job not found",
    "job running",
    "job lost",
    "job succeeded",
    "job failed",
];

fn request_kind(request: &Request) -> &'static str {
    match &request.body {
        RequestBody::Facts => "facts?",
        RequestBody::PlanGuest(_) => "plan_guest?",
        RequestBody::InspectGuest(_) => "inspect_guest?",
        RequestBody::SwarmView => "swarm_view?",
        RequestBody::SwarmToken(_) => "swarm_token?",
        RequestBody::PlanStack(_) => "plan_stack?",
        RequestBody::StackStatus { .. } => "stack_status?",
        RequestBody::MissingPaths { .. } => "missing_paths?",
        RequestBody::StackVolumes { .. } => "stack_volumes?",
        RequestBody::SwarmStacks => "swarm_stacks?",
        RequestBody::Portainer(_) => "portainer?",
        RequestBody::SwarmNodeTasks { .. } => "swarm_node_tasks?",
        RequestBody::SwarmNodeUpdate(_) => "swarm_node_update?",
        RequestBody::JobStatus { .. } => "job_status?",
        RequestBody::JobStart { work, .. } => match **work {
            Work::ApplyGuest(_) => "apply_guest",
            Work::SwarmInit(_) => "swarm_init",
            Work::SwarmJoin(_) => "swarm_join",
            Work::SwarmLeave { .. } => "swarm_leave",
            Work::SwarmNodeUpdate(_) => "swarm_node_update",
            Work::SwarmNodeRemove { .. } => "swarm_node_remove",
            Work::DeployStack(_) => "deploy_stack",
            Work::RemoveStack { .. } => "remove_stack",
            Work::ApplyPortainer(_) => "apply_portainer",
            Work::PullImages(_) => "pull_images",
            Work::RemoveOrphans(_) => "remove_orphans",
            Work::MakeFolders { .. } => "make_folders",
            Work::RemoveStackVolumes { .. } => "remove_stack_volumes",
        },
    }
}

fn response_kind(response: &Response) -> &'static str {
    let Outcome::Ok(answer) = &response.outcome else {
        return "failure";
    };
    match &**answer {
        Answer::Facts(_) => "facts!",
        Answer::PlanGuest(_) => "plan_guest!",
        Answer::InspectGuest(_) => "inspect_guest!",
        Answer::SwarmView(_) => "swarm_view!",
        Answer::SwarmToken(_) => "swarm_token!",
        Answer::PlanStack(_) => "plan_stack!",
        Answer::StackStatus(_) => "stack_status!",
        Answer::MissingPaths(_) => "missing_paths!",
        Answer::StackVolumes(_) => "stack_volumes!",
        Answer::SwarmStacks(_) => "swarm_stacks!",
        Answer::Portainer(_) => "portainer!",
        Answer::SwarmNodeTasks(_) => "swarm_node_tasks!",
        Answer::SwarmNodeUpdate(_) => "swarm_node_update!",
        Answer::JobStart(_) => "job_start!",
        Answer::JobStatus(status) => match status.state {
            JobState::NotFound => "job not found",
            JobState::Running => "job running",
            JobState::Lost => "job lost",
            JobState::Succeeded(_) => "job succeeded",
            JobState::Failed(_) => "job failed",
        },
    }
}

/// A message's kind, and what this build writes after reading it.
fn read(name: &str, text: &str) -> (&'static str, Value) {
    let read = || -> serde_json::Result<(&'static str, Value)> {
        if name.starts_with("request") {
            let request: Request = serde_json::from_str(text)?;
            Ok((request_kind(&request), serde_json::to_value(request)?))
        } else {
            let response: Response = serde_json::from_str(text)?;
            Ok((response_kind(&response), serde_json::to_value(response)?))
        }
    };
    read().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// `new` says at least what `old` says.
fn contains(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => old
            .iter()
            .all(|(key, old)| new.get(key).is_some_and(|new| contains(new, old))),
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| contains(new, old))
        }
        (new, old) => new == old,
    }
}

#[test]
fn every_message_of_version_1_is_understood_and_loses_nothing() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire-v1");
    let mut kinds = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let old: Value = serde_json::from_str(&text).unwrap();
        let (kind, new) = read(&name, &text);
        assert!(
            contains(&new, &old),
            "{name}: {new} lost something of {old}"
        );
        kinds.insert(kind);
    }
    let missing: Vec<&&str> = KINDS
        .iter()
        .filter(|kind| !kinds.contains(**kind))
        .collect();
    assert!(missing.is_empty(), "no message of: {missing:?}");
}

#[test]
fn a_field_that_a_newer_agent_adds_to_an_answer_is_ignored() {
    let text = r#"{"protocol": 1, "id": "i", "agent_version": "9", "novel": 1,
        "outcome": {"ok": {"swarm_view": {"cluster_id": "c", "default_address_pool": [], "nodes": [],
        "novel": {}}}}}"#;
    assert_eq!(read("response", text).0, "swarm_view!");
}
