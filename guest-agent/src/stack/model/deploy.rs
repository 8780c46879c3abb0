//! What stands under `deploy`.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub struct Deploy {
    pub mode: String,
    pub replicas: Option<u64>,
    pub labels: BTreeMap<String, String>,
    pub update_config: Option<UpdateConfig>,
    pub rollback_config: Option<UpdateConfig>,
    pub resources: Resources,
    pub restart_policy: Option<RestartPolicy>,
    pub placement: Placement,
    pub endpoint_mode: String,
}

/// Times in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpdateConfig {
    pub parallelism: Option<u64>,
    pub delay: i64,
    pub failure_action: String,
    pub monitor: i64,
    pub max_failure_ratio: f32,
    pub order: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    pub limits: Option<Limits>,
    pub reservations: Option<Reservations>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// As written: checked when it is converted.
    pub cpus: String,
    pub memory_bytes: i64,
    pub pids: i64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reservations {
    pub cpus: String,
    pub memory_bytes: i64,
    /// Kind and number; `None` for an entry without `discrete_resource_spec`.
    pub generic: Vec<Option<(String, i64)>>,
}

/// Times in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RestartPolicy {
    pub condition: String,
    pub delay: Option<i64>,
    pub max_attempts: Option<u64>,
    pub window: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Placement {
    pub constraints: Vec<String>,
    /// Spread descriptors.
    pub preferences: Vec<String>,
    pub max_replicas: u64,
}
