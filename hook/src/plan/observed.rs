//! What was seen of a guest, of its Swarm and of its stacks.

use std::collections::BTreeMap;

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Change, Facts, Membership, StackPlan, SwarmView};

#[derive(Debug, Clone, PartialEq)]
pub struct ObservedGuest {
    pub host: Observed<HostState>,
    pub agent: Observed<AgentState>,
    /// What the guest agent would change for the declared [`phoenix_common::spec::GuestSpec`].
    pub guest_changes: Observed<Vec<Change>>,
    /// `None` when the guest is declared in no Swarm.
    pub swarm: Option<ObservedSwarm>,
    /// What the manager's agent would change, by deployed stack name; `Err` when it says the input is wrong.
    pub stacks: BTreeMap<String, Observed<Result<StackPlan, String>>>,
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
    /// QEMU is there, but no guest runs in it: `prelaunch`, `inmigrate`, `paused`.
    NotRunning(String),
    Running,
}

#[derive(Debug, Clone, PartialEq)]
pub enum AgentState {
    Missing,
    Present(Box<Facts>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ObservedSwarm {
    /// What each manager guest says of itself; `Known(None)`: no such guest, so not in a Swarm either.
    pub managers: BTreeMap<Vmid, Observed<Option<ManagerState>>>,
    /// The manager whose view this is, and the view.
    pub view: Observed<(Vmid, SwarmView)>,
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
