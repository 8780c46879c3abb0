//! What the hypervisor and `phoenix-guest-agent` say to each other: one JSON request on the agent's
//! stdin, one JSON response on its stdout.
//!
//! Version rule: a field may be added (readers of answers ignore what they do not know); anything else
//! raises [`PROTOCOL_VERSION`]. `tests/fixtures/wire` keeps an old message of each version.

mod bounded;
mod facts;
mod job;
mod portainer;
mod request;
mod response;
mod stack;
mod swarm;
mod work;

pub use facts::{CloudInit, Docker, Facts, Gpu, GpuVendor, Membership, RunningJob, SwarmRemains};
pub use job::{JobStarted, JobState, JobStatus, Progress, WorkReport};
pub use portainer::{PortainerContainer, PortainerView, PullImages, RemoveOrphans};
pub use request::{Request, RequestBody};
pub use response::{
    AgentFailure, Answer, Change, ChangeVerb, FailureKind, FieldChange, GuestPlan, Outcome,
    Response,
};
pub use stack::{
    BindNode, BindSource, ServiceStatus, StackPlan, StackStatus, StackVolumes, SwarmStacks,
};
pub use swarm::{Availability, NodeTasks, SwarmNode, SwarmRole, SwarmView};
pub use work::{SwarmInit, SwarmJoin, SwarmNodeUpdate, Work};

/// The version this build speaks.
pub const PROTOCOL_VERSION: u32 = 1;
/// The oldest version this build still understands.
pub const PROTOCOL_OLDEST: u32 = 1;
/// Longest response the agent writes and the hypervisor reads, in bytes.
pub const RESPONSE_LIMIT_BYTES: usize = 1 << 20;
