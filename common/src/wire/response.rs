//! What the agent answers.

use serde::{Deserialize, Serialize};

use super::{
    Facts, JobStarted, JobStatus, NodeTasks, PortainerView, StackPlan, StackStatus, StackVolumes,
    SwarmStacks, SwarmView,
};
use crate::secret::Secret;

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
    InspectGuest(GuestPlan),
    SwarmView(SwarmView),
    SwarmToken(#[serde(with = "crate::secret::exposed")] Secret),
    PlanStack(StackPlan),
    StackStatus(StackStatus),
    MissingPaths(Vec<String>),
    StackVolumes(StackVolumes),
    SwarmStacks(SwarmStacks),
    Portainer(PortainerView),
    SwarmNodeTasks(NodeTasks),
    SwarmNodeUpdate(Vec<Change>),
    JobStart(JobStarted),
    JobStatus(JobStatus),
}

/// What would be changed in a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestPlan {
    pub changes: Vec<Change>,
    /// What stays as it is although it is not as declared, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
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
