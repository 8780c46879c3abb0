//! The cluster as one of its managers sees it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwarmRole {
    Manager,
    Worker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    Active,
    Pause,
    Drain,
}

/// The cluster as one of its managers sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmView {
    pub cluster_id: String,
    pub default_address_pool: Vec<String>,
    pub nodes: Vec<SwarmNode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmNode {
    pub id: String,
    pub hostname: String,
    pub address: String,
    pub role: SwarmRole,
    pub availability: Availability,
    /// `unknown`, `down`, `ready`, `disconnected`.
    pub state: String,
    pub is_leader: bool,
    /// `reachable`, `unreachable`, `unknown`; empty for workers.
    pub reachability: String,
    /// `address:2377` for managers, else empty.
    pub manager_address: String,
    pub labels: BTreeMap<String, String>,
}

/// The tasks of one node, for who waits until they have left it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTasks {
    /// Tasks that are alive on the node.
    pub here: usize,
    /// Ids of the services that these tasks belong to.
    pub services: Vec<String>,
    /// Tasks of the asked-for services that are on their way to another node. One that finds no node is not.
    pub moving: usize,
}
