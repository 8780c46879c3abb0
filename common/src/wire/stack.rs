//! A stack as it is and as a deploy would change it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Change;
use crate::vmid::Vmid;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackPlan {
    pub changes: Vec<Change>,
    pub warnings: Vec<String>,
    /// Services that are as declared and do not run so: `web 0/2: no suitable node`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_running: Vec<String>,
    /// Folders of nodes that its services bind. Whoever asks looks whether they are there: a manager sees its own
    /// node alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub binds: Vec<BindSource>,
}

/// A folder that a service binds from its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindSource {
    /// Absolute.
    pub path: String,
    /// The service's key in the compose file.
    pub service: String,
    /// Written in the short form, which asks for a folder to be made where there is none.
    pub may_be_made: bool,
    /// Those whose labels and role fit the service's constraints.
    pub nodes: Vec<BindNode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindNode {
    pub id: String,
    pub hostname: String,
    /// The guest that the node is, by its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<Vmid>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackStatus {
    pub services: Vec<ServiceStatus>,
}

/// The volumes of a stack on one node. External ones carry no label of it and are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackVolumes {
    pub names: Vec<String>,
}

/// What runs on a Swarm, whoever deployed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmStacks {
    /// By namespace; services of no stack stand under the empty one.
    pub stacks: BTreeMap<String, StackStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    pub name: String,
    pub image: String,
    pub running: u64,
    pub desired: u64,
    /// `host_port->port/protocol (mode)` texts.
    pub ports: Vec<String>,
    /// Newest error of a task that should run and does not; empty if all is well.
    pub error: String,
    /// The service's version index: moves with every write.
    pub version: u64,
}
