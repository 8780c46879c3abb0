//! `pvesh get`: the API paths that Phoenix asks.

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::config::Config;
use super::error::PveError;
use super::node::{Kind, Node};
use super::pvesh::{no_handler, number};
use super::{agent, pvesh_tasks, resources, volume};

pub(super) fn get(node: &Node, parts: &[&str], arguments: &Arguments) -> Result<Value, PveError> {
    Ok(match parts {
        ["version"] => json!({"release": "9.1", "repoid": "lab", "version": "9.1.9"}),
        ["cluster", "nextid"] => next_id(node, arguments)?,
        ["cluster", "resources"] => cluster_resources(node, arguments)?,
        ["cluster", "ha", "resources"] | ["cluster", "config", "nodes"] => json!([]),
        ["nodes"] => json!([{"id": format!("node/{}", node.name()), "node": node.name(),
            "ssl_fingerprint": null, "status": "online", "type": "node"}]),
        ["storage"] => volume::storages(node)
            .into_iter()
            .map(|storage| {
                json!({"content": storage.content, "digest": "0".repeat(40), "path": storage.path,
                    "storage": storage.id, "type": "dir"})
            })
            .collect(),
        ["nodes", _, "qemu"] => {
            let full = arguments.flag("full");
            guests(node, |node, vmid, config| {
                resources::guest_entry(node, vmid, config, full)
            })?
        }
        ["nodes", _, "qemu", vmid, rest @ ..] => guest(node, number(vmid)?, rest, arguments)?,
        ["nodes", _, "tasks"] => pvesh_tasks::list(node, arguments),
        ["nodes", _, "tasks", upid, "log"] => pvesh_tasks::log(node, upid, arguments),
        ["nodes", _, "tasks", upid, "status"] => pvesh_tasks::status(node, upid)?,
        _ => return Err(no_handler("get", parts)),
    })
}

fn guest(node: &Node, vmid: u32, rest: &[&str], arguments: &Arguments) -> Result<Value, PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    Ok(match rest {
        ["config"] => resources::config_json(&config, arguments.flag("current")),
        ["pending"] => resources::pending_json(&config),
        ["cloudinit"] => resources::cloud_init_json(&config),
        ["status", "current"] => resources::status_current(node, vmid, &config),
        ["agent", "exec-status"] => {
            let pid = arguments
                .options
                .get("pid")
                .map(String::as_str)
                .unwrap_or_default();
            agent::exec_status(node, vmid, pid)?
        }
        ["agent", command] => {
            json!({"result": agent::ask(node, vmid, command, &Value::Null)?})
        }
        _ => return Err(no_handler("get", rest)),
    })
}

fn guests(node: &Node, entry: impl Fn(&Node, u32, &Config) -> Value) -> Result<Value, PveError> {
    let mut entries = Vec::new();
    for vmid in node.guests(Kind::Qemu) {
        entries.push(entry(node, vmid, &node.config(Kind::Qemu, vmid)?));
    }
    Ok(Value::Array(entries))
}

/// Guests of this node with data; of other nodes what their files alone tell.
fn cluster_resources(node: &Node, arguments: &Arguments) -> Result<Value, PveError> {
    let wanted = arguments.options.get("type").map(String::as_str);
    let mut entries = Vec::new();
    if matches!(wanted, None | Some("vm")) {
        if let Value::Array(own) = guests(node, resources::resource_entry)? {
            entries.extend(own);
        }
        entries.extend(resources::guests_elsewhere(node));
    }
    if matches!(wanted, None | Some("node")) {
        entries.push(
            json!({"id": format!("node/{}", node.name()), "node": node.name(),
            "status": "online", "type": "node"}),
        );
    }
    if matches!(wanted, None | Some("storage")) {
        entries.extend(volume::storages(node).into_iter().map(|storage| {
            json!({"content": storage.content, "disk": 0, "maxdisk": 0, "node": node.name(),
                "id": format!("storage/{}/{}", node.name(), storage.id), "plugintype": "dir",
                "shared": 0, "status": "available", "storage": storage.id, "type": "storage"})
        }));
    }
    Ok(Value::Array(entries))
}

fn next_id(node: &Node, arguments: &Arguments) -> Result<Value, PveError> {
    if let Some(wanted) = arguments.options.get("vmid") {
        if wanted.parse().is_ok_and(|vmid| node.knows(vmid)) {
            let text = format!(
                "vmid: VM {wanted} already exists\npvesh get <api_path> [OPTIONS] [FORMAT_OPTIONS]"
            );
            return Err(PveError::Parameter(text));
        }
        return Ok(json!(wanted));
    }
    let free = (100..=999_999_999).find(|vmid| !node.knows(*vmid));
    Ok(json!(free.unwrap_or(100).to_string()))
}
