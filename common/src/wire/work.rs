//! Long work, run as a job in the guest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Availability, PullImages, RemoveOrphans, SwarmRole};
use crate::secret::Secret;
use crate::spec::{GuestSpec, PortainerSpec, StackSpec};

/// Long work, run as a job in the guest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Work {
    ApplyGuest(GuestSpec),
    SwarmInit(SwarmInit),
    SwarmJoin(SwarmJoin),
    SwarmLeave {
        force: bool,
    },
    /// Labels, role and availability of a node; to a manager.
    SwarmNodeUpdate(SwarmNodeUpdate),
    /// Removes the entry of a node that is down; to a manager.
    SwarmNodeRemove {
        node_id: String,
    },
    DeployStack(Box<StackSpec>),
    RemoveStack {
        namespace: String,
        wait_seconds: u32,
    },
    /// Portainer's containers.
    ApplyPortainer(Box<PortainerSpec>),
    PullImages(PullImages),
    RemoveOrphans(RemoveOrphans),
    /// Makes folders that services bind and that are missing on this node, 0755 and root's.
    MakeFolders {
        paths: Vec<String>,
    },
    /// Removes the volumes of a stack on this node, data and all, once no container holds them.
    RemoveStackVolumes {
        namespace: String,
        wait_seconds: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwarmInit {
    /// The address other nodes reach this one by, without port.
    pub advertise_address: String,
    /// Networks in CIDR form from which overlays are cut; never left to Docker's 10.0.0.0/8.
    pub default_address_pool: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwarmJoin {
    #[serde(with = "crate::secret::exposed")]
    pub token: Secret,
    /// `address:2377` of managers, tried in order by the engine.
    pub managers: Vec<String>,
    pub advertise_address: String,
}

/// A change of one node's entry. `None` leaves a part as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwarmNodeUpdate {
    pub node_id: String,
    pub set_labels: BTreeMap<String, String>,
    pub remove_labels: Vec<String>,
    pub role: Option<SwarmRole>,
    pub availability: Option<Availability>,
}
