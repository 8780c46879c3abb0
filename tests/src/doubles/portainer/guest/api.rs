//! Docker's HTTP API of a guest in memory: what Portainer and its callers ask.

use serde_json::{Value, json};

use super::MemoryGuest;
use super::blobs::{self, Kind};
use super::objects::{Container, Service, Store, image_id};
use crate::doubles::portainer::wire::Call;

const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

/// Status and body; no body where the value is null.
pub(super) type Reply = (u16, Value);

impl MemoryGuest {
    /// Answers a call whose path is Docker's own, with or without a version.
    pub(in crate::doubles::portainer) fn docker(&self, call: &Call) -> Reply {
        let mut segments = call.segments();
        let is_version = |part: &str| {
            part.strip_prefix('v')
                .is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
        };
        if segments.len() > 1 && segments.first().is_some_and(|part| is_version(part)) {
            segments.remove(0);
        }
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut store = self.lock();
        store.tidy();
        match (call.method.as_str(), parts.as_slice()) {
            ("GET" | "HEAD", ["_ping"]) => (200, json!("OK")),
            ("GET", ["version"]) => (200, version()),
            ("GET", ["info"]) => (200, info(&store)),
            (_, ["containers", rest @ ..]) => containers(&mut store, call, rest),
            ("GET", ["images", "json"]) => (200, images(&store)),
            ("GET", ["images", .., "json"]) => (200, json!({"Id": image_id("any")})),
            ("GET", ["networks"]) => (200, networks(&store)),
            ("GET", ["volumes"]) => {
                let named = |name| json!({"Name": name, "Driver": "local", "Labels": null});
                let listed: Vec<Value> = store.volumes.iter().map(named).collect();
                (200, json!({"Volumes": listed, "Warnings": null}))
            }
            (
                _,
                [
                    "services" | "tasks" | "nodes" | "swarm" | "configs" | "secrets",
                    ..,
                ],
            ) if store.swarm_id.is_none() => (503, json!({"message": NO_SWARM})),
            ("GET", ["swarm"]) => (200, swarm(&store)),
            ("GET", ["nodes"]) => (200, json!([node()])),
            ("GET", ["services"]) => {
                let listed = store.services.iter();
                let listed = listed.filter(|one| has_labels(call, &one.labels));
                (200, listed.map(Service::listed).collect())
            }
            ("GET", ["services", name]) => {
                let mut all = store.services.iter();
                match all.find(|one| one.name == *name || one.id == *name) {
                    Some(one) => (200, one.listed()),
                    None => (404, json!({"message": format!("service {name} not found")})),
                }
            }
            ("GET", ["tasks"]) => {
                let listed = store.services.iter();
                let listed = listed.filter(|one| has_labels(call, &one.labels));
                (200, listed.flat_map(Service::tasks).collect())
            }
            (_, ["configs", rest @ ..]) => blobs::answer(&mut store, call, Kind::Config, rest),
            (_, ["secrets", rest @ ..]) => blobs::answer(&mut store, call, Kind::Secret, rest),
            _ => (404, json!({"message": "page not found"})),
        }
    }
}

fn version() -> Value {
    json!({
        "Platform": {"Name": ""},
        "Components": [{"Name": "Engine", "Version": "26.1.5", "Details": {"ApiVersion": "1.45"}}],
        "Version": "26.1.5", "ApiVersion": "1.45", "MinAPIVersion": "1.24", "GitCommit": "",
        "GoVersion": "go1.24", "Os": "linux", "Arch": "amd64", "KernelVersion": "6.12",
        "BuildTime": "2026-01-01T00:00:00Z",
    })
}

fn info(store: &Store) -> Value {
    let running = store.containers.iter().filter(|one| one.state == "running");
    let running = running.count();
    let swarm = match &store.swarm_id {
        Some(id) => json!({
            "NodeID": "node1", "NodeAddr": "10.0.0.1", "LocalNodeState": "active",
            "ControlAvailable": true, "Error": "", "Nodes": 1, "Managers": 1,
            "RemoteManagers": [{"NodeID": "node1", "Addr": "10.0.0.1:2377"}],
            "Cluster": {"ID": id},
        }),
        None => json!({"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive",
            "ControlAvailable": false, "Error": "", "RemoteManagers": null}),
    };
    json!({
        "ID": "MEMORY", "Name": "guest", "Containers": store.containers.len(),
        "ContainersRunning": running, "ContainersPaused": 0,
        "ContainersStopped": store.containers.len() - running,
        "Images": 1, "Driver": "overlay2", "ServerVersion": "26.1.5", "NCPU": 1,
        "MemTotal": 536_870_912_u64, "OperatingSystem": "Debian GNU/Linux 13 (trixie)",
        "OSType": "linux", "Architecture": "x86_64", "KernelVersion": "6.12",
        "Swarm": swarm, "Plugins": {"Volume": ["local"], "Network": ["bridge"]},
        "Labels": [], "Warnings": null,
    })
}

fn swarm(store: &Store) -> Value {
    json!({
        "ID": store.swarm_id, "Version": {"Index": 9}, "Spec": {"Name": "default"},
        "JoinTokens": {"Manager": "SWMTKN-1-TOKEN", "Worker": "SWMTKN-1-TOKEN"},
    })
}

fn node() -> Value {
    json!({
        "ID": "node1", "Version": {"Index": 9},
        "Spec": {"Role": "manager", "Availability": "active", "Labels": {}},
        "Description": {"Hostname": "guest", "Engine": {"EngineVersion": "26.1.5"}},
        "Status": {"State": "ready", "Addr": "10.0.0.1"},
        "ManagerStatus": {"Leader": true, "Reachability": "reachable", "Addr": "10.0.0.1:2377"},
    })
}

fn images(store: &Store) -> Value {
    let mut names: Vec<&str> = store
        .containers
        .iter()
        .map(|one| one.image.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let listed = |name: &&str| json!({"Id": image_id(name), "RepoTags": [name], "Created": 1, "Size": 1, "Labels": null, "Containers": -1, "ParentId": "", "RepoDigests": [], "SharedSize": -1});
    names.iter().map(listed).collect()
}

fn networks(store: &Store) -> Value {
    let listed = store.networks.iter().map(|one| {
        json!({"Id": one.id, "Name": one.name, "Labels": one.labels, "Driver": "bridge", "Scope": "local"})
    });
    listed.collect()
}

/// Whether an object has all labels of the call's filter.
pub(super) fn has_labels(call: &Call, labels: &std::collections::BTreeMap<String, String>) -> bool {
    let filters = call.parameter("filters").unwrap_or_default();
    let filters: Value = serde_json::from_str(&filters).unwrap_or_default();
    let wanted: Vec<String> = match filters.get("label") {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        // What older clients send: a set as an object.
        Some(Value::Object(set)) => set.keys().cloned().collect(),
        _ => Vec::new(),
    };
    wanted.iter().all(|label| match label.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|has| has == value),
        None => labels.contains_key(label),
    })
}

fn containers(store: &mut Store, call: &Call, rest: &[&str]) -> Reply {
    let all = call
        .parameter("all")
        .is_some_and(|all| all == "1" || all == "true");
    if let ["json"] = rest {
        let listed = store.containers.iter().rev();
        let listed = listed.filter(|one| all || one.state == "running");
        let listed = listed.filter(|one| has_labels(call, &one.labels));
        return (200, listed.map(Container::listed).collect());
    }
    let Some(name) = rest.first() else {
        return (404, json!({"message": "page not found"}));
    };
    let is_this = |one: &Container| one.name == **name || one.id.starts_with(*name);
    let Some(at) = store.containers.iter().position(is_this) else {
        return (
            404,
            json!({"message": format!("No such container: {name}")}),
        );
    };
    let Some(one) = store.containers.get_mut(at) else {
        return (404, Value::Null);
    };
    let (state, ended) = match (call.method.as_str(), rest.get(1).copied()) {
        ("GET", Some("json")) => return (200, one.inspected()),
        ("DELETE", None) => {
            store.containers.remove(at);
            return (204, Value::Null);
        }
        ("POST", Some("stop" | "kill")) => ("exited", 137),
        ("POST", Some("start" | "restart")) => ("running", 0),
        _ => return (404, json!({"message": "page not found"})),
    };
    let changed = one.state != state;
    state.clone_into(&mut one.state);
    one.exit_code = ended;
    (if changed { 204 } else { 304 }, Value::Null)
}
