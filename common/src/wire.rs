//! What the hypervisor and `phoenix-guest-agent` say to each other: one JSON request on the agent's
//! stdin, one JSON response on its stdout.
//!
//! Version rule: a field may be added (readers of answers ignore what they do not know); anything else
//! raises [`PROTOCOL_VERSION`]. `tests/fixtures/wire` keeps an old message of each version.

use serde::{Deserialize, Serialize};

use crate::observed::Observed;
use crate::secret::Secret;
use crate::spec::{GuestSpec, StackSpec};

/// The version this build speaks.
pub const PROTOCOL_VERSION: u32 = 1;
/// The oldest version this build still understands.
pub const PROTOCOL_OLDEST: u32 = 1;
/// Longest response the agent writes and the hypervisor reads, in bytes.
pub const RESPONSE_LIMIT_BYTES: usize = 1 << 20;

/// What the hypervisor sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub protocol: u32,
    /// Echoed in the response.
    pub id: String,
    pub body: RequestBody,
}

/// The questions (answered at once, nothing is changed) and the job verbs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestBody {
    Facts,
    /// What [`Work::ApplyGuest`] would change.
    PlanGuest(GuestSpec),
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
    /// Every service of the Swarm, by stack; to a manager.
    SwarmStacks,
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
    pub set_labels: std::collections::BTreeMap<String, String>,
    pub remove_labels: Vec<String>,
    pub role: Option<SwarmRole>,
    pub availability: Option<Availability>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwarmRole {
    Manager,
    Worker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    Active,
    Pause,
    Drain,
}

/// What the agent sends back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Response {
    pub protocol: u32,
    pub id: String,
    pub agent_version: String,
    pub outcome: Outcome,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok(Box<Answer>),
    Err(AgentFailure),
}

/// One answer per [`RequestBody`], of the same name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "always in a box, see Outcome")]
pub enum Answer {
    Facts(Facts),
    PlanGuest(Vec<Change>),
    SwarmView(SwarmView),
    SwarmToken(#[serde(with = "crate::secret::exposed")] Secret),
    PlanStack(StackPlan),
    StackStatus(StackStatus),
    SwarmStacks(SwarmStacks),
    JobStart(JobStarted),
    JobStatus(JobStatus),
}

/// Why the agent could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFailure {
    pub kind: FailureKind,
    /// What failed, then each cause.
    pub messages: Vec<String>,
    /// What the operator can do, if the agent knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The request was not understood.
    Request,
    /// The request's protocol version is outside this agent's range.
    Protocol,
    /// The input (compose file, spec) is wrong; trying again does not help.
    Input,
    /// May work later: engine not ready, lock held, leader election.
    Retryable,
    Failed,
    /// Refused, since it would do harm.
    Refused,
}

/// One thing that would be, or was, changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub verb: ChangeVerb,
    /// On what: `package docker.io`, `service dev1_shop_web`.
    pub subject: String,
    /// For an update: which fields, from what to what. Never a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeVerb {
    Create,
    Update,
    Remove,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

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

/// The cluster as one of its managers sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmView {
    pub cluster_id: String,
    pub default_address_pool: Vec<String>,
    pub nodes: Vec<SwarmNode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmNode {
    pub id: String,
    pub hostname: String,
    pub address: String,
    pub role: SwarmRole,
    pub availability: Availability,
    /// `unknown`, `down`, `ready`, `disconnected`.
    pub state: String,
    pub is_leader: bool,
    /// `reachable`, `unreachable`, `unknown`; empty for workers.
    pub reachability: String,
    /// `address:2377` for managers, else empty.
    pub manager_address: String,
    pub labels: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackPlan {
    pub changes: Vec<Change>,
    pub warnings: Vec<String>,
    /// Services that are as declared and do not run so: `web 0/2: no suitable node`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_running: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackStatus {
    pub services: Vec<ServiceStatus>,
}

/// What runs on a Swarm, whoever deployed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmStacks {
    /// By namespace; services of no stack stand under the empty one.
    pub stacks: std::collections::BTreeMap<String, StackStatus>,
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStarted {
    Started,
    /// A job of that name was there already.
    Attached,
    /// Another job runs; only one works at a time.
    Busy(RunningJob),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    pub state: JobState,
    /// Lines from the asked-for number on.
    pub progress: Vec<Progress>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// No such job: never started, or the guest was booted anew.
    NotFound,
    Running,
    /// Its process is gone and left no result.
    Lost,
    Succeeded(WorkReport),
    Failed(AgentFailure),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// `docker`, `service dev1_shop_web`.
    pub step: String,
    pub message: String,
}

/// What a finished job did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkReport {
    pub changes: Vec<Change>,
    pub warnings: Vec<String>,
}
