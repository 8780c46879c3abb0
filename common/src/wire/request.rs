//! What the hypervisor asks.

use serde::{Deserialize, Serialize};

use super::{SwarmNodeUpdate, SwarmRole, Work};
use crate::spec::{GuestSpec, PortainerSpec, StackSpec};

/// What the hypervisor sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub protocol: u32,
    /// Echoed in the response.
    pub id: String,
    pub body: RequestBody,
}

/// The questions (answered at once, nothing is changed), one short write, and the job verbs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestBody {
    Facts,
    /// What [`Work::ApplyGuest`] would change.
    PlanGuest(GuestSpec),
    /// As [`Self::PlanGuest`], and what is worth knowing.
    InspectGuest(GuestSpec),
    /// The Swarm as this manager sees it.
    SwarmView,
    /// A join token, from a manager.
    SwarmToken(SwarmRole),
    /// What [`Work::DeployStack`] would change; to a manager.
    PlanStack(Box<StackSpec>),
    /// The services and tasks of a stack; to a manager.
    StackStatus {
        namespace: String,
    },
    /// Which of these absolute paths are not there on this node; to any node.
    MissingPaths {
        paths: Vec<String>,
    },
    /// The volumes of a stack on this node; to any node.
    StackVolumes {
        namespace: String,
    },
    /// Every service of the Swarm, by stack; to a manager.
    SwarmStacks,
    /// Portainer's containers, and what [`Work::ApplyPortainer`] would change.
    Portainer(Box<PortainerSpec>),
    /// The tasks that leave a node; to a manager. `services`: those (by id) whose tasks elsewhere are of interest.
    SwarmNodeTasks {
        node_id: String,
        services: Vec<String>,
    },
    /// The same change as the job of that name, done at once: who stops a guest cannot wait for another job to end.
    /// A second one changes nothing.
    SwarmNodeUpdate(SwarmNodeUpdate),
    /// Starts work that goes on by itself. The job's name is the caller's: starting the same job twice
    /// attaches to the first, so a lost answer costs nothing.
    JobStart {
        job: String,
        work: Box<Work>,
    },
    /// State of a job and its progress lines from number `after` on.
    JobStatus {
        job: String,
        after: usize,
    },
}
