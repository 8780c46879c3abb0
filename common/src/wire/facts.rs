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
pub enum Docker {
    NotInstalled,
    /// Installed, but its socket does not answer.
    Stopped,
    Running {
        version: String,
        api_version: String,
        engine_id: String,
        swarm: Membership,
    },
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
