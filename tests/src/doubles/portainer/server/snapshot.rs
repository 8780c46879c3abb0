//! Looking at an environment through its agent.

use std::time::Duration;

use serde_json::{Value, json};

use super::Server;
use super::agents::get;
use super::records::Environment;
use crate::doubles::portainer::agent::MEMORY_HEADER;
use crate::doubles::portainer::client::{AgentAddress, ClientError};
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer};

const PING_DEADLINE: Duration = Duration::from_secs(3);
const LOOK_DEADLINE: Duration = Duration::from_secs(10);

/// What a ping says.
#[derive(Debug)]
pub(super) struct Pinged {
    pub(super) version: Option<String>,
    pub(super) is_memory: bool,
}

impl Server {
    pub(super) async fn ping_agent(&self, address: &AgentAddress) -> Result<Pinged, ClientError> {
        let request = get("/ping");
        let answer = self.send_to(address, request, PING_DEADLINE).await?;
        let header = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let version = header("portainer-agent").filter(|_| answer.status() == 204);
        let is_memory = header(MEMORY_HEADER).is_some();
        Ok(Pinged { version, is_memory })
    }

    /// The content of `Snapshots`; the error is Portainer's text.
    pub(super) async fn snapshot_of(&self, one: &Environment) -> Result<Value, String> {
        let info = self.look(one, "/info").await?;
        let containers = self.look(one, "/containers/json?all=1").await?;
        let images = self.look(one, "/images/json").await?;
        let volumes = self.look(one, "/volumes").await?;
        let count = |value: &Value| value.as_array().map_or(0, Vec::len);
        let listed = containers.as_array().cloned().unwrap_or_default();
        let running = listed
            .iter()
            .filter(|one| one["State"] == "running")
            .count();
        let is_manager = info["Swarm"]["ControlAvailable"] == true;
        let services = if is_manager {
            count(&self.look(one, "/services").await?)
        } else {
            0
        };
        Ok(json!({
            "Time": self.clock.unix(), "DockerVersion": info["ServerVersion"], "Swarm": is_manager,
            "TotalCPU": info["NCPU"], "TotalMemory": info["MemTotal"],
            "ContainerCount": listed.len(), "RunningContainerCount": running,
            "StoppedContainerCount": listed.len() - running, "HealthyContainerCount": 0,
            "UnhealthyContainerCount": 0, "VolumeCount": count(&volumes["Volumes"]),
            "ImageCount": count(&images), "ServiceCount": services, "StackCount": 0,
            "NodeCount": i32::from(is_manager), "GpuUseAll": false, "GpuUseList": [],
            "IsPodman": false, "DiagnosticsData": null, "PerformanceMetrics": null,
            "DockerSnapshotRaw": {"Containers": null, "Volumes": {"Volumes": null, "Warnings": null},
                "Networks": null, "Images": null, "Info": {}, "Version": {}},
        }))
    }

    /// A Docker answer through the agent; the error is Portainer's text.
    pub(super) async fn look(&self, one: &Environment, path: &str) -> Result<Value, String> {
        let answer = self.ask(one, get(path), LOOK_DEADLINE).await;
        let (status, body) = answer.map_err(|error| match AgentAddress::of(&one.url) {
            Some(address) if !matches!(error, ClientError::Late) => format!(
                "Cannot connect to the Docker daemon at tcp://{}. Is the docker daemon running?",
                address.dial()
            ),
            _ => error.to_string(),
        })?;
        if status == 403 {
            return Err("agent already paired with another Portainer instance".to_owned());
        }
        if status != 200 {
            let text = String::from_utf8_lossy(&body).into_owned();
            return Err(format!("Error response from daemon: {text}"));
        }
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }

    /// 204 whatever comes of it; the status tells.
    pub(super) async fn snapshot(&self, id: i64) -> Result<Answer, Refusal> {
        let one = self.known_environment(id)?;
        self.refresh(&one).await;
        Ok(wire::empty(204))
    }

    pub(super) async fn snapshot_all(&self) -> Answer {
        let all = self.database.read(|tables| tables.environments.clone());
        for one in &all {
            self.refresh(one).await;
        }
        wire::empty(204)
    }

    async fn refresh(&self, one: &Environment) {
        let seen = self.snapshot_of(one).await;
        self.database.write(|tables| {
            let mut all = tables.environments.iter_mut();
            if let Some(stored) = all.find(|stored| stored.id == one.id) {
                stored.status = if seen.is_ok() { 1 } else { 2 };
                if let Ok(snapshot) = seen {
                    stored.snapshot = snapshot;
                }
            }
        });
    }
}
