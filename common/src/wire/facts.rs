//! What the agent sees of its guest.

use serde::{Deserialize, Serialize};

use crate::observed::Observed;

/// What the agent sees of its guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub agent_version: String,
    pub protocol_oldest: u32,
    pub protocol_newest: u32,
    /// `/proc/sys/kernel/random/boot_id`: another value means the guest was booted anew.
    pub boot_id: String,
    /// `/etc/machine-id`; equal on two guests after a careless clone.
    pub machine_id: String,
    pub hostname: String,
    /// `ID` and `VERSION_ID` of `/etc/os-release`.
    pub os_id: String,
    pub os_version: String,
    /// As Rust names it (`x86_64`, `aarch64`), which on 32 bits is not what `uname -m` says.
    pub architecture: String,
    /// Addresses with prefix (`192.168.77.11/24`) of all interfaces but loopback and Docker's own.
    pub addresses: Vec<String>,
    pub has_dpkg: bool,
    pub cloud_init: CloudInit,
    pub docker: Observed<Docker>,
    /// Jobs that are running now.
    pub running_jobs: Vec<RunningJob>,
    /// `None` from an agent that does not look for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Observed<Vec<Gpu>>>,
}

impl Facts {
    /// The node that a working member says it is.
    pub fn swarm_node_id(&self) -> Option<&str> {
        match &self.docker {
            Observed::Known(Docker::Running {
                swarm: Membership::Worker { node_id, .. } | Membership::Manager { node_id, .. },
                ..
            }) => Some(node_id),
            _ => None,
        }
    }
}

/// A graphics processor of the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    pub vendor: GpuVendor,
    /// NVIDIA's UUID where its driver works, else the address on the PCI bus.
    pub id: String,
    pub name: String,
    /// A driver has it, so that containers can use it.
    pub has_driver: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpuVendor {
    Nvidia,
    Amd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudInit {
    Absent,
    Running,
    Done,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningJob {
    pub job: String,
    /// The work's kind, as in [`Work`].
    pub work: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one per guest and answer")]
pub enum Docker {
    NotInstalled,
    /// Installed, but its socket does not answer.
    Stopped,
    Running {
        version: String,
        api_version: String,
        engine_id: String,
        swarm: Membership,
        #[serde(default)]
        remains: SwarmRemains,
    },
}

/// What the engine holds of a membership, whatever state it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmRemains {
    /// Empty when no manager ever made it a member, or the engine cannot tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node_id: String,
    /// `address:2377` of the managers it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote_managers: Vec<String>,
    /// No manager's state lies on its disk: leaving costs the Swarm nothing. False also when that is not known.
    #[serde(default)]
    pub only_worker: bool,
}

/// What the engine itself says about the Swarm (`/info`). A worker that was removed still says
/// `Worker`: the verdict is the manager's node list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    Inactive,
    Pending,
    Locked,
    Error {
        message: String,
    },
    Worker {
        node_id: String,
        node_address: String,
        /// `address:2377` of the managers that the node knows.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remote_managers: Vec<String>,
    },
    Manager {
        node_id: String,
        node_address: String,
        cluster_id: String,
        /// Empty when the manager works; else why it cannot (quorum lost).
        error: String,
    },
}
