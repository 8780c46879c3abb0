//! A compose file as the guest in memory understands it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::yaml::text_of;
use super::{variables, yaml};

/// Keys that a service may have; any other is a mistake, as for compose.
const SERVICE_KEYS: [&str; 30] = [
    "image",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "volumes",
    "networks",
    "ports",
    "labels",
    "configs",
    "secrets",
    "depends_on",
    "healthcheck",
    "restart",
    "deploy",
    "container_name",
    "hostname",
    "user",
    "working_dir",
    "stop_grace_period",
    "cap_add",
    "cap_drop",
    "privileged",
    "extra_hosts",
    "logging",
    "ulimits",
    "sysctls",
    "tmpfs",
    "read_only",
    "init",
];

/// A file whose variables are filled.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) services: Vec<(String, Map<String, Value>)>,
    root: Map<String, Value>,
}

impl Project {
    pub(super) fn of(
        text: &str,
        path: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let root = yaml::read(text).map_err(|wrong| format!("failed to parse {path}: {wrong}"))?;
        let root = variables::fill(&root, values)
            .map_err(|wrong| format!("error while interpolating services: {wrong}"))?;
        let Value::Object(root) = root else {
            return Err("empty compose file".to_owned());
        };
        let Some(Value::Object(listed)) = root.get("services") else {
            return Err("empty compose file".to_owned());
        };
        let mut services = Vec::new();
        for (name, service) in listed {
            let Value::Object(service) = service else {
                return Err(format!("services.{name} must be a mapping"));
            };
            let unknown = service
                .keys()
                .find(|key| !SERVICE_KEYS.contains(&key.as_str()));
            if let Some(key) = unknown {
                return Err(format!(
                    "validating {path}: services.{name} additional properties '{key}' not allowed"
                ));
            }
            services.push((name.clone(), service.clone()));
        }
        Ok(Self { services, root })
    }

    /// A top-level section such as `configs`.
    pub(super) fn section(&self, name: &str) -> Map<String, Value> {
        match self.root.get(name) {
            Some(Value::Object(section)) => section.clone(),
            _ => Map::new(),
        }
    }
}

/// A list of words, or a text split at blanks.
pub(super) fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(list)) => list.iter().map(text_of).collect(),
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// `NAME=value` of a mapping or list.
pub(super) fn assignments(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, value)| format!("{name}={}", text_of(value)))
            .collect(),
        other => words(other),
    }
}

/// The names a service refers to: a list of names or of objects with `source`, or a mapping's keys.
pub(super) fn references(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        Some(Value::Array(list)) => list
            .iter()
            .map(|one| one.get("source").map_or_else(|| text_of(one), text_of))
            .collect(),
        _ => Vec::new(),
    }
}
