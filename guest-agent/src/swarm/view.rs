//! The cluster as this manager sees it.

use std::collections::BTreeMap;

use phoenix_common::wire::{Availability, SwarmNode, SwarmRole, SwarmView};
use serde::Deserialize;
use serde_json::Value;

use super::error::SwarmError;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// What is read of an entry of `GET /nodes`; what is missing is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    #[serde(rename = "ID")]
    id: String,
    spec: NodeSpec,
    description: Description,
    status: Status,
    manager_status: Option<ManagerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NodeSpec {
    role: String,
    availability: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Description {
    hostname: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    state: String,
    addr: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ManagerStatus {
    leader: bool,
    reachability: String,
    addr: String,
}

/// Reads cluster and nodes; nodes sorted by id.
///
/// # Errors
/// This guest is no manager, or its Swarm has no leader.
pub async fn read(engine: &Engine) -> Result<SwarmView, SwarmError> {
    let swarm = engine.get("/swarm").await?;
    let nodes = engine.get("/nodes").await?;
    parse(&swarm, nodes).map_err(SwarmError::from)
}

fn parse(swarm: &Value, nodes: Value) -> Result<SwarmView, EngineError> {
    let cluster_id = swarm.get("ID").and_then(Value::as_str);
    let pool = swarm.get("DefaultAddrPool").and_then(Value::as_array);
    let nodes: Vec<Node> = serde_json::from_value(nodes).map_err(|source| EngineError::Json {
        asked: "GET /nodes".to_owned(),
        source,
    })?;
    let mut nodes = nodes
        .into_iter()
        .map(node)
        .collect::<Result<Vec<SwarmNode>, EngineError>>()?;
    nodes.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(SwarmView {
        cluster_id: cluster_id.unwrap_or_default().to_owned(),
        default_address_pool: pool
            .into_iter()
            .flatten()
            .filter_map(|network| network.as_str().map(str::to_owned))
            .collect(),
        nodes,
    })
}

fn node(node: Node) -> Result<SwarmNode, EngineError> {
    let unknown = |field| EngineError::Field {
        asked: format!("GET /nodes: node {}", node.id),
        field,
    };
    let role = role(&node.spec.role).ok_or_else(|| unknown("a known Spec.Role"))?;
    let availability = availability(&node.spec.availability)
        .ok_or_else(|| unknown("a known Spec.Availability"))?;
    let manager = node.manager_status.unwrap_or_default();
    Ok(SwarmNode {
        id: node.id,
        hostname: node.description.hostname,
        address: node.status.addr,
        role,
        availability,
        state: node.status.state,
        is_leader: manager.leader,
        reachability: manager.reachability,
        manager_address: manager.addr,
        labels: node.spec.labels.unwrap_or_default(),
    })
}

fn role(text: &str) -> Option<SwarmRole> {
    match text {
        "manager" => Some(SwarmRole::Manager),
        "worker" => Some(SwarmRole::Worker),
        _ => None,
    }
}

fn availability(text: &str) -> Option<Availability> {
    match text {
        "active" => Some(Availability::Active),
        "pause" => Some(Availability::Pause),
        "drain" => Some(Availability::Drain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nodes_are_read_as_the_engine_writes_them() {
        let swarm = json!({"ID": "c", "DefaultAddrPool": ["10.200.0.0/16"], "SubnetSize": 24});
        let nodes = json!([
            {"ID": "b", "Version": {"Index": 9}, "Spec": {"Role": "worker", "Availability": "drain"},
             "Description": {"Hostname": "two", "Novel": 1}, "Status": {"State": "down", "Addr": "192.0.2.2"}},
            {"ID": "a", "Spec": {"Labels": {"gpu": "true"}, "Role": "manager", "Availability": "active"},
             "Description": {"Hostname": "one"}, "Status": {"State": "ready", "Addr": "192.0.2.1"},
             "ManagerStatus": {"Leader": true, "Reachability": "reachable", "Addr": "192.0.2.1:2377"}}
        ]);
        let view = parse(&swarm, nodes).unwrap();
        assert_eq!(view.cluster_id, "c");
        assert_eq!(view.default_address_pool, ["10.200.0.0/16"]);
        let [one, two] = &view.nodes[..] else {
            panic!("{view:?}")
        };
        assert_eq!(one.manager_address, "192.0.2.1:2377");
        assert!(one.is_leader && one.labels["gpu"] == "true");
        assert_eq!(
            (two.role, two.availability),
            (SwarmRole::Worker, Availability::Drain)
        );
        assert_eq!(
            (two.state.as_str(), two.reachability.as_str()),
            ("down", "")
        );
    }

    #[test]
    fn a_role_that_is_not_known_is_no_worker() {
        let nodes = json!([{"ID": "a", "Spec": {"Role": "novel", "Availability": "active"}}]);
        assert!(parse(&json!({}), nodes).is_err());
    }
}
