//! Answers of the server: only the fields that Phoenix reads; what else stands there is ignored.

use serde::{Deserialize, Serialize};

/// `GET /api/system/status`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServerStatus {
    pub version: String,
}

/// `GET /api/users/me`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    pub id: u64,
    /// 1: administrator.
    pub role: u32,
}

/// An environment, which the API calls endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Environment {
    pub id: u64,
    pub name: String,
    /// 2: Docker behind an agent, with or without Swarm.
    pub r#type: u32,
    #[serde(rename = "URL")]
    pub url: String,
    /// 1 up, 2 down, as of the last look of the server.
    #[serde(default)]
    pub status: u32,
    #[serde(default, rename = "TLSConfig")]
    pub tls: EnvironmentTls,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EnvironmentTls {
    #[serde(rename = "TLS")]
    pub enabled: bool,
    #[serde(rename = "TLSSkipVerify")]
    pub skips_verify: bool,
}

/// A variable of a stack, as Portainer stores and returns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvPair {
    pub name: String,
    pub value: String,
}

/// State of a stack's record. It says nothing about what runs.
pub const STACK_ACTIVE: u32 = 1;
pub const STACK_DEPLOYING: u32 = 3;
pub const STACK_ERROR: u32 = 4;
/// Kind of a stack.
pub const STACK_SWARM: u32 = 1;
pub const STACK_COMPOSE: u32 = 2;

/// A stack's record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stack {
    pub id: u64,
    pub name: String,
    pub r#type: u32,
    pub endpoint_id: u64,
    #[serde(default)]
    pub swarm_id: Option<String>,
    #[serde(default)]
    pub env: Option<Vec<EnvPair>>,
    pub status: u32,
    /// From 2.41 on: how the last deployment went.
    #[serde(default)]
    pub deployment_status: Option<Vec<DeploymentStatus>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeploymentStatus {
    pub status: u32,
    #[serde(default)]
    pub message: String,
}

impl Stack {
    /// The variables; none and an empty list are the same.
    pub fn env(&self) -> &[EnvPair] {
        self.env.as_deref().unwrap_or_default()
    }

    /// Why the last deployment failed, as the server says.
    pub fn failure(&self) -> &str {
        let last = self.deployment_status.iter().flatten().rev();
        last.map(|status| status.message.as_str())
            .find(|message| !message.is_empty())
            .unwrap_or("the server gives no reason")
    }
}

/// `GET /api/stacks/{id}/file`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StackFile {
    pub stack_file_content: String,
}

#[derive(Deserialize)]
pub(super) struct Jwt {
    pub jwt: phoenix_common::secret::Secret,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MintedKey {
    #[serde(rename = "rawAPIKey")]
    pub raw_api_key: phoenix_common::secret::Secret,
}

/// A container in the list of Docker's API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    pub state: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
}

/// A service in the list of Docker's API, with `status=true`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Service {
    pub spec: ServiceSpec,
    #[serde(default)]
    pub service_status: Option<ServiceStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceSpec {
    pub name: String,
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceStatus {
    pub running_tasks: u64,
    pub desired_tasks: u64,
}

/// A config in the list of Docker's API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Config {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(rename = "Spec")]
    pub spec: ServiceSpec,
}

#[derive(Debug, Deserialize)]
pub(super) struct SwarmInfo {
    #[serde(rename = "ID")]
    pub id: String,
}
