//! What a guest in memory holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::doubles::portainer::random::random_hex;

/// A container as `docker inspect` would show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    pub name: String,
    pub image: String,
    pub labels: BTreeMap<String, String>,
    pub env: Vec<String>,
    pub command: Vec<String>,
    pub networks: Vec<String>,
    /// `running`, `created` or `exited`.
    pub state: String,
    pub exit_code: i64,
    /// `no`, `always`, …; empty as in Docker when none is set.
    pub restart: String,
    pub host_ports: Vec<u16>,
}

impl Container {
    pub(super) fn new(name: &str, image: &str) -> Self {
        Self {
            id: random_hex(32),
            name: name.to_owned(),
            image: image.to_owned(),
            labels: BTreeMap::new(),
            env: Vec::new(),
            command: vec!["sleep".to_owned(), "3600".to_owned()],
            networks: Vec::new(),
            state: "running".to_owned(),
            exit_code: 0,
            restart: String::new(),
            host_ports: Vec::new(),
        }
    }

    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    pub(super) fn project(&self) -> &str {
        self.label("com.docker.compose.project")
    }

    pub(super) fn listed(&self) -> Value {
        json!({
            "Id": self.id,
            "Names": [format!("/{}", self.name)],
            "Image": self.image,
            "ImageID": image_id(&self.image),
            "Command": self.command.join(" "),
            "Created": 1_795_000_000,
            "Ports": self.host_ports.iter().map(|port| json!({"PrivatePort": port, "PublicPort": port, "Type": "tcp"})).collect::<Vec<_>>(),
            "Labels": self.labels,
            "State": self.state,
            "Status": if self.state == "running" { "Up 1 second" } else { "Exited" },
            "HostConfig": {"NetworkMode": self.networks.first().map_or("default", String::as_str)},
            "NetworkSettings": {"Networks": {}},
            "Mounts": [],
        })
    }

    pub(super) fn inspected(&self) -> Value {
        json!({
            "Id": self.id,
            "Name": format!("/{}", self.name),
            "Created": "2026-01-01T00:00:00Z",
            "Path": self.command.first(),
            "Args": self.command.get(1..).unwrap_or_default(),
            "Image": image_id(&self.image),
            "State": {
                "Status": self.state,
                "Running": self.state == "running",
                "Paused": false, "Restarting": false, "OOMKilled": false, "Dead": false,
                "Pid": 0, "Error": "",
                "ExitCode": self.exit_code,
                "StartedAt": "2026-01-01T00:00:00Z",
                "FinishedAt": "0001-01-01T00:00:00Z",
            },
            "RestartCount": 0,
            "Driver": "overlay2", "Platform": "linux", "MountLabel": "", "ProcessLabel": "",
            "AppArmorProfile": "", "ExecIDs": null, "HostnamePath": "", "HostsPath": "",
            "LogPath": "", "ResolvConfPath": "", "GraphDriver": {"Name": "overlay2", "Data": {}},
            "Config": {
                "Image": self.image, "Labels": self.labels, "Env": self.env, "Cmd": self.command,
                "Hostname": self.id.get(..12),
            },
            "HostConfig": {"RestartPolicy": {"Name": self.restart, "MaximumRetryCount": 0}},
            "NetworkSettings": {"Networks": {}},
            "Mounts": [],
        })
    }
}

/// A Swarm service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: String,
    pub name: String,
    /// Rises with every write.
    pub version: u64,
    pub image: String,
    pub replicas: u64,
    pub env: Vec<String>,
    pub command: Vec<String>,
    pub labels: BTreeMap<String, String>,
    /// Names of the Swarm configs it mounts.
    pub configs: Vec<String>,
    /// Its image cannot be pulled.
    pub is_rejected: bool,
}

impl Service {
    pub(super) fn namespace(&self) -> &str {
        let found = self.labels.get("com.docker.stack.namespace");
        found.map_or("", String::as_str)
    }

    pub(super) fn listed(&self) -> Value {
        let configs: Vec<Value> = self
            .configs
            .iter()
            .map(|name| json!({"ConfigName": name}))
            .collect();
        let running = if self.is_rejected { 0 } else { self.replicas };
        json!({
            "ID": self.id,
            "Version": {"Index": self.version},
            "CreatedAt": "2026-01-01T00:00:00Z",
            "UpdatedAt": "2026-01-01T00:00:00Z",
            "Spec": {
                "Name": self.name,
                "Labels": self.labels,
                "TaskTemplate": {"ContainerSpec": {
                    "Image": self.image, "Args": self.command, "Env": self.env, "Configs": configs,
                }},
                "Mode": {"Replicated": {"Replicas": self.replicas}},
            },
            "ServiceStatus": {"RunningTasks": running, "DesiredTasks": self.replicas, "CompletedTasks": 0},
        })
    }

    pub(super) fn tasks(&self) -> Vec<Value> {
        let state = if self.is_rejected {
            "rejected"
        } else {
            "running"
        };
        let task = |slot| {
            json!({
                "ID": format!("{}t{slot}", self.id),
                "ServiceID": self.id,
                "Slot": slot,
                "NodeID": "node1",
                "Labels": {},
                "Spec": {"ContainerSpec": {"Image": self.image}},
                "DesiredState": "running",
                "Status": {"State": state, "Timestamp": "2026-01-01T00:00:00Z",
                    "Err": if self.is_rejected { "No such image" } else { "" }},
            })
        };
        (1..=self.replicas).map(task).collect()
    }
}

/// A network; one that is leaving cannot be used and not be removed again.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) gone_at: Option<Instant>,
}

/// A Swarm config or secret.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) spec: Value,
}

impl Blob {
    pub(super) fn name(&self) -> &str {
        self.spec.get("Name").and_then(Value::as_str).unwrap_or("")
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) swarm_id: Option<String>,
    pub(super) containers: Vec<Container>,
    pub(super) services: Vec<Service>,
    pub(super) networks: Vec<Network>,
    pub(super) volumes: BTreeSet<String>,
    pub(super) configs: Vec<Blob>,
    pub(super) secrets: Vec<Blob>,
    pub(super) refused_commands: BTreeSet<String>,
    pub(super) refused_images: BTreeSet<String>,
    pub(super) taken_ports: BTreeSet<u16>,
    pub(super) deploy_time: Duration,
    version: u64,
}

impl Store {
    pub(super) fn new(swarm_id: Option<String>) -> Self {
        Self {
            swarm_id,
            containers: Vec::new(),
            services: Vec::new(),
            networks: Vec::new(),
            volumes: BTreeSet::new(),
            configs: Vec::new(),
            secrets: Vec::new(),
            refused_commands: BTreeSet::new(),
            refused_images: BTreeSet::new(),
            taken_ports: BTreeSet::new(),
            deploy_time: Duration::ZERO,
            version: 10,
        }
    }

    /// The next version index of the Swarm.
    pub(super) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// Networks whose time is over go.
    pub(super) fn tidy(&mut self) {
        let now = Instant::now();
        self.networks
            .retain(|one| one.gone_at.is_none_or(|gone| gone > now));
    }

    pub(super) fn add_network(&mut self, name: &str, label: &str, owner: &str) {
        if self.networks.iter().all(|one| one.name != name) {
            self.networks.push(Network {
                id: random_hex(12) + "n",
                name: name.to_owned(),
                labels: BTreeMap::from([(label.to_owned(), owner.to_owned())]),
                gone_at: None,
            });
        }
    }
}

/// A text that stands for an image's content.
pub(super) fn image_id(image: &str) -> String {
    format!(
        "sha256:{}",
        phoenix_common::digest::sha256_hex(image.as_bytes())
    )
}
