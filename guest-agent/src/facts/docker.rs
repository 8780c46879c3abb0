//! What state Docker is in.

use std::path::Path;

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::{Docker, Membership, SwarmRemains};
use serde_json::Value;

use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::paths::Paths;

/// Looks for the engine, then asks it. A socket that hangs up is that of a stopped engine; one that accepts
/// and stays silent is unknown.
pub async fn observe(paths: &Paths) -> Observed<Docker> {
    let installed = paths.program("dockerd").is_some();
    match running(paths).await {
        Ok(docker) => docker,
        Err(EngineError::NoSocket { .. }) if !installed => Observed::Known(Docker::NotInstalled),
        Err(
            EngineError::NoSocket { .. }
            | EngineError::Connect { .. }
            | EngineError::Connection { .. },
        ) => Observed::Known(Docker::Stopped),
        Err(error) => Observed::unknown(Untrusted(&Chain(&error).to_string()).to_string()),
    }
}

async fn running(paths: &Paths) -> Result<Observed<Docker>, EngineError> {
    let engine = Engine::connect(&paths.docker_socket()).await?;
    let engine = engine.with_call_deadline(std::time::Duration::from_secs(10))?;
    // Raw, since bollard's closed enums fail on a state they do not know.
    let info = engine.get("/info").await?;
    let text = |path: &str| text(&info, path);
    let swarm = match membership(info.get("Swarm").unwrap_or(&Value::Null)) {
        Ok(swarm) => swarm,
        Err(state) => {
            return Ok(Observed::unknown(format!(
                "Docker's Swarm state {:?} is not known",
                Untrusted(&state).to_string()
            )));
        }
    };
    Ok(Observed::Known(Docker::Running {
        version: text("/ServerVersion"),
        api_version: engine.api_version().to_string(),
        engine_id: text("/ID"),
        remains: remains(&info),
        swarm,
    }))
}

fn remains(info: &Value) -> SwarmRemains {
    let swarm = info.get("Swarm").unwrap_or(&Value::Null);
    let root = text(info, "/DockerRootDir");
    SwarmRemains {
        node_id: text(swarm, "/NodeID"),
        remote_managers: remote_managers(swarm),
        only_worker: !root.is_empty() && !has_manager_state(&Path::new(&root).join("swarm")),
    }
}

/// Raft's log and snapshots (swarmkit, `manager/state/raft/storage`). A folder that cannot be read may hold them.
fn has_manager_state(swarm: &Path) -> bool {
    match std::fs::read_dir(swarm.join("raft")) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// The membership in the `Swarm` object of `/info`; the state's name if it is none we know.
pub fn membership(swarm: &Value) -> Result<Membership, String> {
    let text = |path: &str| text(swarm, path);
    match text("/LocalNodeState").as_str() {
        "inactive" => Ok(Membership::Inactive),
        "pending" => Ok(Membership::Pending),
        "locked" => Ok(Membership::Locked),
        "error" => Ok(Membership::Error {
            message: text("/Error"),
        }),
        "active" if swarm.get("ControlAvailable") == Some(&Value::Bool(true)) => {
            Ok(Membership::Manager {
                node_id: text("/NodeID"),
                node_address: text("/NodeAddr"),
                cluster_id: text("/Cluster/ID"),
                error: text("/Error"),
            })
        }
        "active" => Ok(Membership::Worker {
            node_id: text("/NodeID"),
            node_address: text("/NodeAddr"),
            remote_managers: remote_managers(swarm),
        }),
        other => Err(other.to_owned()),
    }
}

/// `address:2377` of the managers in the `Swarm` object of `/info`.
pub fn remote_managers(swarm: &Value) -> Vec<String> {
    let managers = swarm.get("RemoteManagers").and_then(Value::as_array);
    let addresses = managers
        .into_iter()
        .flatten()
        .filter_map(|manager| manager.get("Addr")?.as_str());
    addresses.take(100).map(str::to_owned).collect()
}

/// A text member by JSON pointer; empty if there is none.
fn text(value: &Value, path: &str) -> String {
    let text = value.pointer(path).and_then(Value::as_str);
    text.unwrap_or_default().chars().take(1000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_managers_state_is_seen_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let info = json!({"DockerRootDir": folder.path(), "Swarm": {"NodeID": "n", "LocalNodeState": "pending"}});
        assert!(remains(&info).only_worker);
        assert_eq!(remains(&info).node_id, "n");
        let raft = folder.path().join("swarm/raft");
        std::fs::create_dir_all(&raft).unwrap();
        assert!(remains(&info).only_worker, "nothing is in it");
        std::fs::create_dir(raft.join("wal-v3-encrypted")).unwrap();
        assert!(!remains(&info).only_worker);
        assert!(
            !remains(&json!({})).only_worker,
            "where to look is not known"
        );
    }

    #[test]
    fn info_tells_the_membership() {
        let worker = json!({"NodeID": "n", "NodeAddr": "192.0.2.1", "LocalNodeState": "active",
            "ControlAvailable": false, "Error": "", "RemoteManagers": [{"Addr": "192.0.2.9:2377"}]});
        let manager = json!({"NodeID": "n", "NodeAddr": "192.0.2.1", "LocalNodeState": "active",
            "ControlAvailable": true, "Error": "", "Cluster": {"ID": "c"}});
        assert_eq!(
            membership(&worker),
            Ok(Membership::Worker {
                node_id: "n".into(),
                node_address: "192.0.2.1".into(),
                remote_managers: vec!["192.0.2.9:2377".into()]
            })
        );
        assert_eq!(
            membership(&manager),
            Ok(Membership::Manager {
                node_id: "n".into(),
                node_address: "192.0.2.1".into(),
                cluster_id: "c".into(),
                error: String::new()
            })
        );
        for (state, wanted) in [
            ("inactive", Ok(Membership::Inactive)),
            ("pending", Ok(Membership::Pending)),
            ("locked", Ok(Membership::Locked)),
            ("", Err(String::new())),
            ("novel", Err("novel".to_owned())),
        ] {
            assert_eq!(membership(&json!({"LocalNodeState": state})), wanted);
        }
    }
}
