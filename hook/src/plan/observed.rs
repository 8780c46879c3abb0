//! What was seen of a guest, of its Swarm and of its stacks.

use std::collections::BTreeMap;
use std::fmt;

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Facts, GuestPlan, Membership, PortainerView, StackPlan, SwarmView};

use super::Blocked;

#[derive(Debug, Clone, PartialEq)]
pub struct ObservedGuest {
    pub host: Observed<HostState>,
    pub agent: Observed<AgentState>,
    /// What the guest agent would change for the declared [`phoenix_common::spec::GuestSpec`].
    pub guest_plan: Observed<Result<GuestPlan, Refusal>>,
    /// `None` when the guest is declared in no Swarm.
    pub swarm: Option<ObservedSwarm>,
    /// What the manager's agent would change, by deployed stack name.
    pub stacks: BTreeMap<String, Observed<Result<StackPlan, Refusal>>>,
    /// Portainer's containers, and what the agent would change about them.
    pub portainer: Observed<Result<PortainerView, Refusal>>,
}

/// The guest agent's final word: the same question gets the same answer until somebody does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    /// It would do harm; else the input is wrong or it cannot be done.
    pub refused: bool,
}

impl Refusal {
    /// As a part of the plan that stays undone.
    pub fn blocked(&self, what: &str) -> Blocked {
        Blocked {
            what: what.to_owned(),
            reason: self.reason.clone(),
            refused: self.refused,
        }
    }
}

/// The guest as the hypervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostState {
    /// No such guest on any node.
    Absent,
    OtherNode(String),
    Stopped,
    /// Under a `lock:` of Proxmox (backup, migrate, …) that says hands off.
    Locked(String),
    /// A kind of guest that this version does not handle.
    Unsupported(String),
    /// QEMU is there, but no guest runs in it: `prelaunch`, `inmigrate`, `paused`.
    NotRunning(String),
    Running,
}

impl fmt::Display for HostState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("Proxmox has no such guest on any node"),
            Self::OtherNode(node) => write!(formatter, "it is on node {node}"),
            Self::Stopped => formatter.write_str("it is stopped"),
            Self::Locked(lock) => write!(formatter, "Proxmox holds its lock ({lock})"),
            Self::NotRunning(state) => {
                write!(formatter, "QEMU is {state}: the guest does not run yet")
            }
            Self::Unsupported(what) => formatter.write_str(what),
            Self::Running => formatter.write_str("it runs"),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum AgentState {
    Missing,
    /// Waiting does not help: no agent configured, exec forbidden.
    Unusable(String),
    /// It speaks another protocol than we do; its version.
    OtherProtocol(String),
    Present(Box<Facts>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ObservedSwarm {
    /// What each manager guest says of itself; `Known(None)`: no such guest, so not in a Swarm either.
    pub managers: BTreeMap<Vmid, Observed<Option<ManagerState>>>,
    /// The manager whose view this is, and the view.
    pub view: Observed<(Vmid, SwarmView)>,
    /// The other guest that the guest's own node is labelled with, if any.
    pub owner: Option<(Vmid, Observed<NodeOwner>)>,
}

/// What another guest has to do with a node that carries its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeOwner {
    /// Proxmox has no such guest any more.
    Absent,
    /// It is a member with another node, or in no Swarm.
    HasAnotherNode,
    /// It says that it is this very node: one of the two disks is a copy of the other.
    IsTheNode,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerState {
    pub membership: Membership,
}

impl ObservedSwarm {
    /// The manager guests that are managers of a cluster, with the cluster's id.
    pub fn clusters(&self) -> Vec<(Vmid, &str)> {
        self.managers
            .iter()
            .filter_map(|(vmid, state)| match state.known()?.as_ref()?.membership {
                Membership::Manager { ref cluster_id, .. } => Some((*vmid, cluster_id.as_str())),
                _ => None,
            })
            .collect()
    }
}

impl ObservedSwarm {
    /// The node that a manager guest says it is.
    pub fn node_of(&self, manager: Vmid) -> Option<&str> {
        match &self.managers.get(&manager)?.known()?.as_ref()?.membership {
            Membership::Manager { node_id, .. } => Some(node_id),
            _ => None,
        }
    }
}

impl ObservedGuest {
    pub fn runs(&self) -> bool {
        self.host == Observed::Known(HostState::Running)
    }
}
