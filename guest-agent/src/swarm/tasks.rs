//! The tasks of one node, as a manager sees them.

use std::collections::BTreeSet;

use phoenix_common::wire::NodeTasks;
use serde::Deserialize;

use super::error::SwarmError;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// What is read of an entry of `GET /tasks`; what is missing is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Task {
    #[serde(rename = "NodeID")]
    node_id: String,
    #[serde(rename = "ServiceID")]
    service_id: String,
    desired_state: String,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    state: String,
    err: String,
}

/// Counts the tasks on the node, and those of `services` on their way to others.
///
/// # Errors
/// This guest is no manager, or its Swarm has no leader.
pub async fn of_node(
    engine: &Engine,
    node_id: &str,
    services: &[String],
) -> Result<NodeTasks, SwarmError> {
    let tasks = engine.get("/tasks").await?;
    let tasks: Vec<Task> = serde_json::from_value(tasks).map_err(|source| EngineError::Json {
        asked: "GET /tasks".to_owned(),
        source,
    })?;
    Ok(count(&tasks, node_id, services))
}

fn count(tasks: &[Task], node_id: &str, services: &[String]) -> NodeTasks {
    let here = tasks
        .iter()
        .filter(|task| task.node_id == node_id && (task.is_on_its_way() || task.runs()));
    let moving = tasks
        .iter()
        .filter(|task| task.node_id != node_id && services.contains(&task.service_id))
        .filter(|task| task.is_wanted() && task.is_on_its_way() && !task.finds_no_node());
    let services: BTreeSet<&str> = here.clone().map(|task| task.service_id.as_str()).collect();
    NodeTasks {
        here: here.count(),
        services: services.into_iter().map(str::to_owned).collect(),
        moving: moving.count(),
    }
}

impl Task {
    fn runs(&self) -> bool {
        self.status.state == "running"
    }

    /// The states before `running` (swarmkit, `types.proto`, `TaskState`).
    fn is_on_its_way(&self) -> bool {
        matches!(
            self.status.state.as_str(),
            "new"
                | "allocated"
                | "pending"
                | "assigned"
                | "accepted"
                | "preparing"
                | "ready"
                | "starting"
        )
    }

    fn is_wanted(&self) -> bool {
        matches!(self.desired_state.as_str(), "ready" | "running")
    }

    /// The scheduler has said why (`no suitable node …`).
    fn finds_no_node(&self) -> bool {
        self.status.state == "pending" && !self.status.err.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tasks_leave_a_node_move_or_find_no_place() {
        let task = |node: &str, service: &str, desired: &str, state: &str, err: &str| {
            json!({"NodeID": node, "ServiceID": service, "DesiredState": desired,
                "Status": {"State": state, "Err": err}, "Spec": {"Novel": 1}})
        };
        let tasks: Vec<Task> = serde_json::from_value(json!([
            task("n", "web", "shutdown", "running", ""),
            task("n", "web", "shutdown", "complete", ""),
            task("n", "db", "shutdown", "shutdown", ""),
            task("m", "web", "ready", "preparing", ""),
            task("", "web", "running", "pending", "no suitable node"),
            task("", "web", "running", "new", ""),
            task("m", "web", "running", "running", ""),
            task("m", "other", "running", "starting", ""),
            task("m", "web", "shutdown", "starting", "")
        ]))
        .unwrap();
        let seen = count(&tasks, "n", &[]);
        assert_eq!((seen.here, seen.moving), (1, 0));
        assert_eq!(seen.services, ["web"]);
        assert_eq!(count(&tasks, "n", &seen.services).moving, 2);
    }
}
