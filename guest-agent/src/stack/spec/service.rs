//! A service.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ContainerSpec, is_zero};

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceSpec {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub task_template: TaskSpec,
    pub mode: ServiceMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_config: Option<UpdateConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_config: Option<UpdateConfig>,
    /// Always sent: a spec without it differs from one with an empty one.
    pub endpoint_spec: EndpointSpec,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaskSpec {
    pub container_spec: ContainerSpec,
    /// Always sent, as `placement` is.
    pub resources: Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartPolicy>,
    pub placement: Placement,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<NetworkTarget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_driver: Option<LogDriver>,
    pub force_update: u64,
}

#[derive(Debug, Clone, Serialize)]
pub enum ServiceMode {
    #[serde(rename_all = "PascalCase")]
    Replicated {
        /// `None`: the engine makes it 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        replicas: Option<u64>,
    },
    Global {},
    #[serde(rename_all = "PascalCase")]
    ReplicatedJob {
        #[serde(skip_serializing_if = "Option::is_none")]
        max_concurrent: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        total_completions: Option<u64>,
    },
    GlobalJob {},
}

/// Times in nanoseconds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateConfig {
    pub parallelism: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub delay: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failure_action: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub monitor: i64,
    pub max_failure_ratio: serde_json::Number,
    pub order: String,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointSpec {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub target_port: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub published_port: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub publish_mode: String,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Resources {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservations: Option<Reservation>,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Limit {
    #[serde(rename = "NanoCPUs", skip_serializing_if = "is_zero")]
    pub nano_cpus: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_bytes: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub pids: i64,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reservation {
    #[serde(rename = "NanoCPUs", skip_serializing_if = "is_zero")]
    pub nano_cpus: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_bytes: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub generic_resources: Vec<GenericResource>,
}

/// `DiscreteResourceSpec: {Kind, Value}`.
#[derive(Debug, Clone, Serialize)]
pub enum GenericResource {
    #[serde(rename_all = "PascalCase")]
    DiscreteResourceSpec { kind: String, value: i64 },
}

/// Times in nanoseconds.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RestartPolicy {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<i64>,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Placement {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preferences: Vec<Preference>,
    #[serde(skip_serializing_if = "is_zero")]
    pub max_replicas: u64,
    /// What the image runs on, from the registry; as the engine gave it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<serde_json::Value>,
}

#[derive(Debug, Clone, Serialize)]
pub enum Preference {
    #[serde(rename_all = "PascalCase")]
    Spread { spread_descriptor: String },
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkTarget {
    /// The network's name; the engine stores its id.
    pub target: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub driver_opts: BTreeMap<String, String>,
}

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogDriver {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

crate::stack::shown::shows_only!(ServiceSpec { name });
crate::stack::shown::shows_only!(TaskSpec { force_update });
crate::stack::shown::shows_only!(LogDriver { name });
crate::stack::shown::shows_only!(NetworkTarget { target });
