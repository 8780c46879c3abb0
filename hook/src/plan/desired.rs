//! What one guest shall be, as far as the planner needs to know.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use phoenix_common::spec::{GuestSpec, StackSpec};
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::SwarmRole;

use super::Blocked;
use super::instance::InstanceDesired;

/// The label by which a stack is pinned to a guest: its node carries the guest's vmid.
pub const VMID_LABEL: &str = "phoenix.vmid";
/// The label that lists which node labels Phoenix set, so that a dropped one can be removed again.
pub const MANAGED_LABEL: &str = "phoenix.managed";

/// The label of a node that Phoenix drained for its guest's stop; its value is the availability it had before.
pub const DRAINED_LABEL: &str = "phoenix.drained";

#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    pub vmid: Vmid,
    /// Version of the guest agent that this node carries; `None` without a carried package.
    pub carried_agent: Option<String>,
    pub guest: GuestSpec,
    pub swarm: Option<SwarmDesired>,
    pub stacks: Vec<StackDesired>,
    /// Parts of the declaration that cannot be dealt with now.
    pub problems: Vec<Blocked>,
    /// What is the operator's to do.
    pub notices: Vec<String>,
    /// `None` when the guest has no part in Portainer.
    pub portainer: Option<InstanceDesired>,
    /// Keys that are declared and that this version does not act on.
    pub unhandled: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SwarmDesired {
    pub name: String,
    pub role: SwarmRole,
    /// Declared labels, without Phoenix's own.
    pub labels: BTreeMap<String, String>,
    /// The address other nodes reach this guest by; `None` without `network_config`.
    pub address: Option<IpAddr>,
    /// All manager guests of this Swarm, the first candidate for `init` first.
    pub managers: Vec<Vmid>,
    /// From the configuration; empty: chosen by [`super::pool`].
    pub address_pool: Vec<IpNet>,
    /// Networks of all declared guests.
    pub guest_networks: Vec<IpNet>,
}

/// A stack assigned to the guest, and its text, or why that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct StackDesired {
    /// The deployed name.
    pub name: String,
    pub spec: Result<Box<StackSpec>, String>,
}
