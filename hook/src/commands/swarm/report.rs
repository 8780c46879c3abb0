//! What `phoenix swarm status` knows in the end, as it is printed and written as JSON.

use std::collections::BTreeMap;

use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Availability, ServiceStatus, SwarmRole};
use serde::Serialize;

/// A Swarm and how it fares. Texts come from guests and Docker.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Report {
    pub swarm: String,
    pub healthy: bool,
    /// The manager guest that was asked.
    pub via: Option<Vmid>,
    pub cluster_id: String,
    pub default_address_pool: Vec<String>,
    pub quorum: Option<Quorum>,
    pub nodes: Vec<Node>,
    pub stacks: Vec<Stack>,
    /// What is not healthy; empty if all is well.
    pub findings: Vec<Finding>,
    /// Worth knowing, nothing to mend.
    pub notes: Vec<String>,
}

/// Managers that can elect a leader among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Quorum {
    pub managers: usize,
    pub reachable: usize,
    /// Fewer than these, and nothing can be changed any more.
    pub needed: usize,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Node {
    pub id: String,
    pub hostname: String,
    pub address: String,
    /// By the label that Phoenix sets; `None` for nodes that others joined.
    pub vmid: Option<Vmid>,
    pub role: SwarmRole,
    pub is_leader: bool,
    pub availability: Availability,
    pub state: String,
    /// `reachable`, `unreachable`, `unknown`; empty for workers.
    pub reachability: String,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Stack {
    /// The deployed name; empty for services of no stack.
    pub name: String,
    /// The guest whose `docker_stacks` has it.
    pub assigned_to: Option<Vmid>,
    pub services: Vec<ServiceStatus>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// `node vm1002`, `service dev1_shop_web`.
    pub subject: String,
    pub reason: String,
    /// What the operator can do about it.
    pub next_step: String,
}
