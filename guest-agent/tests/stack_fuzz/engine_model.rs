//! The engine's store, as far as a plan sees it: writes go in, and what comes out has the defaults that
//! Docker 20.10 (API 1.41) was seen to fill in and lacks what it was seen to drop.

use std::collections::BTreeMap;

use phoenix_guest_agent::stack::convert::Desired;
use phoenix_guest_agent::stack::live::{Live, LiveObject};
use phoenix_guest_agent::stack::names::is_node_network;
use phoenix_guest_agent::stack::operation::{ObjectKind, Operation};
use phoenix_guest_agent::stack::planner::fill_ids;
use serde_json::{Value, json};

#[derive(Default)]
pub(crate) struct EngineModel {
    pub(crate) live: Live,
    made: u64,
}

impl EngineModel {
    /// Makes what a stack expects to be there already.
    pub(crate) fn provide(&mut self, desired: &Desired) {
        for name in &desired.external_networks {
            if !self.live.networks.contains_key(name) && !is_node_network(name) {
                let network =
                    json!({"Name": name, "Scope": "swarm", "Driver": "overlay", "Labels": {}});
                let object = self.object(network);
                self.live.networks.insert(name.clone(), object);
            }
        }
        for (kind, name) in &desired.external_objects {
            if !self.live.objects(*kind).contains_key(name) {
                let object = self.object(json!({"Name": name, "Labels": {}, "Data": "eA=="}));
                self.live.objects_mut(*kind).insert(name.clone(), object);
            }
        }
    }

    pub(crate) fn write(&mut self, operation: &Operation) {
        match operation {
            Operation::RemoveService { name, .. } => drop(self.live.services.remove(name)),
            Operation::RemoveNetwork { name, .. } => drop(self.live.networks.remove(name)),
            Operation::RemoveObject { kind, name, .. } => {
                drop(self.live.objects_mut(*kind).remove(name));
            }
            Operation::CreateNetwork(spec) => {
                let mut network = json!(spec);
                network["Scope"] = json!("swarm");
                let object = self.object(network);
                self.live.networks.insert(spec.name.clone(), object);
            }
            Operation::CreateObject(kind, spec) | Operation::UpdateObject { kind, spec, .. } => {
                let mut stored = json!(spec);
                if *kind == ObjectKind::Secret {
                    // Never told.
                    stored.as_object_mut().unwrap().remove("Data");
                }
                let object = self.object(stored);
                self.live
                    .objects_mut(*kind)
                    .insert(spec.name.clone(), object);
            }
            Operation::CreateService(spec) | Operation::UpdateService { spec, .. } => {
                let mut spec = spec.clone();
                fill_ids(&mut spec, &self.live);
                let spec_stored = stored(json!(spec), &mut self.live);
                let object = self.object(spec_stored);
                self.live.services.insert(spec.name.clone(), object);
            }
        }
    }

    fn object(&mut self, spec: Value) -> LiveObject {
        self.made += 1;
        LiveObject {
            id: format!("id{}", self.made),
            version: self.made,
            spec,
        }
    }
}

/// The spec of a service as inspect shows it.
fn stored(mut spec: Value, live: &mut Live) -> Value {
    networks_by_id(&mut spec, live);
    drop_empty(&mut spec);
    let task = &mut spec["TaskTemplate"];
    task["Runtime"] = json!("container");
    let isolation = task["ContainerSpec"]["Isolation"]
        .as_str()
        .unwrap_or_default();
    if !["default", "process", "hyperv"].contains(&isolation) {
        task["ContainerSpec"]["Isolation"] = json!("default");
    }
    if let Some(policy) = task.get_mut("RestartPolicy") {
        default(policy, "Condition", "any");
        policy["MaxAttempts"] = policy.get("MaxAttempts").cloned().unwrap_or(json!(0));
    }
    if let Some(health) = task["ContainerSpec"].get_mut("Healthcheck") {
        health.as_object_mut().unwrap().remove("StartInterval");
    }
    let mounts = task["ContainerSpec"].get_mut("Mounts");
    for mount in mounts.and_then(Value::as_array_mut).into_iter().flatten() {
        mount.as_object_mut().unwrap().remove("Consistency");
        if let Some(options) = mount.get_mut("VolumeOptions") {
            options.as_object_mut().unwrap().remove("Subpath");
        }
    }
    if let Some(mode) = spec["Mode"].get_mut("Replicated") {
        mode["Replicas"] = mode.get("Replicas").cloned().unwrap_or(json!(1));
    }
    for key in ["UpdateConfig", "RollbackConfig"] {
        if let Some(config) = spec.get_mut(key) {
            default(config, "FailureAction", "pause");
            default(config, "Order", "stop-first");
            config["MaxFailureRatio"] = config.get("MaxFailureRatio").cloned().unwrap_or(json!(0));
        }
    }
    let endpoint = &mut spec["EndpointSpec"];
    default(endpoint, "Mode", "vip");
    for port in endpoint
        .get_mut("Ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        default(port, "Protocol", "tcp");
        default(port, "PublishMode", "ingress");
    }
    spec
}

fn default(value: &mut Value, key: &str, text: &str) {
    if value[key].as_str().unwrap_or_default().is_empty() {
        value[key] = json!(text);
    }
}

/// Services name networks by id; those of the node have ids that no list tells.
fn networks_by_id(spec: &mut Value, live: &mut Live) {
    let networks = spec["TaskTemplate"].get_mut("Networks");
    for network in networks.and_then(Value::as_array_mut).into_iter().flatten() {
        let name = network["Target"].as_str().unwrap().to_owned();
        let id = if let Some(network) = live.networks.get(&name) {
            network.id.clone()
        } else {
            let id = format!("hidden-{name}");
            live.hidden_networks.insert(id.clone(), name);
            id
        };
        network["Target"] = json!(id);
    }
}

/// What Go leaves out when it answers. Pointers and what the author wrote stay.
fn drop_empty(value: &mut Value) {
    const POINTERS: [&str; 8] = [
        "Replicas",
        "StopGracePeriod",
        "Init",
        "Delay",
        "Window",
        "MaxAttempts",
        "MaxConcurrent",
        "TotalCompletions",
    ];
    // Of Go's pointers to structures an empty one is kept.
    const STRUCTURES: [&str; 21] = [
        "Replicated",
        "Global",
        "ReplicatedJob",
        "GlobalJob",
        "Runtime",
        "Placement",
        "Resources",
        "EndpointSpec",
        "Privileges",
        "Healthcheck",
        "RestartPolicy",
        "UpdateConfig",
        "RollbackConfig",
        "LogDriver",
        "DNSConfig",
        "Limits",
        "Reservations",
        "BindOptions",
        "VolumeOptions",
        "TmpfsOptions",
        "DriverConfig",
    ];
    if let Value::Array(list) = value {
        list.iter_mut().for_each(drop_empty);
    }
    let Value::Object(map) = value else { return };
    let kept: BTreeMap<String, Value> = std::mem::take(map).into_iter().collect();
    for (key, mut value) in kept {
        let is_authors = ["Labels", "Options", "Sysctls", "DriverOpts"].contains(&key.as_str());
        if !is_authors {
            drop_empty(&mut value);
        }
        let is_empty = match &value {
            Value::Null => true,
            Value::Bool(value) => !value && !POINTERS.contains(&key.as_str()),
            Value::Number(number) => {
                number.as_f64() == Some(0.0) && !POINTERS.contains(&key.as_str())
            }
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty() && !STRUCTURES.contains(&key.as_str()),
        };
        if !is_empty {
            map.insert(key, value);
        }
    }
}
