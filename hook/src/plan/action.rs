//! The steps a plan is made of. An action holds all it needs: nothing is decided while executing.

use phoenix_common::spec::{GuestSpec, PortainerSpec, StackSpec};
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Change, ChangeVerb, SwarmInit, SwarmNodeUpdate, SwarmRole};
use serde::Serialize;

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    InstallAgent {
        vmid: Vmid,
        from: Option<String>,
        to: String,
    },
    ApplyGuest {
        vmid: Vmid,
        #[serde(skip)]
        spec: GuestSpec,
        changes: Vec<Change>,
    },
    /// The administrator's password and the agents' secret, on this node.
    MakePortainerSecrets,
    ApplyPortainer {
        vmid: Vmid,
        #[serde(skip)]
        spec: Box<PortainerSpec>,
        changes: Vec<Change>,
    },
    SwarmLeave {
        vmid: Vmid,
        swarm: String,
        reason: String,
    },
    SwarmRemoveNode {
        via: Vmid,
        swarm: String,
        node_id: String,
        hostname: String,
    },
    SwarmInit {
        vmid: Vmid,
        swarm: String,
        init: SwarmInit,
    },
    SwarmJoin {
        vmid: Vmid,
        swarm: String,
        /// The manager that is asked for the token.
        via: Vmid,
        role: SwarmRole,
        managers: Vec<String>,
        advertise_address: String,
    },
    SwarmUpdateNode {
        via: Vmid,
        swarm: String,
        update: SwarmNodeUpdate,
    },
    DeployStack {
        via: Vmid,
        swarm: String,
        name: String,
        #[serde(skip)]
        spec: Box<StackSpec>,
        changes: Vec<Change>,
        /// Missing folders that the stack binds, made first.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        folders: Vec<Folders>,
    },
}

/// Folders to be made in a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Folders {
    pub vmid: Vmid,
    pub paths: Vec<String>,
}

impl Folders {
    /// As a plan shows them.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        let vmid = self.vmid;
        self.paths.iter().map(move |path| Change {
            verb: ChangeVerb::Create,
            subject: format!("folder {path} on guest {vmid}"),
            fields: Vec::new(),
        })
    }
}

impl Action {
    /// The Swarm whose lock the action needs, if any.
    pub fn swarm(&self) -> Option<&str> {
        match self {
            Self::InstallAgent { .. }
            | Self::ApplyGuest { .. }
            | Self::MakePortainerSecrets
            | Self::ApplyPortainer { .. } => None,
            Self::SwarmLeave { swarm, .. }
            | Self::SwarmRemoveNode { swarm, .. }
            | Self::SwarmInit { swarm, .. }
            | Self::SwarmJoin { swarm, .. }
            | Self::SwarmUpdateNode { swarm, .. }
            | Self::DeployStack { swarm, .. } => Some(swarm),
        }
    }
}
