//! The guest agent as Proxmox's tools use it.

use std::time::Duration;

use serde_json::{Value, json};

use super::config::Config;
use super::error::PveError;
use super::machine::Machines;
use super::node::{Kind, Node};
use crate::lab::QgaConnection;

/// What `guest-ping` may take before the agent counts as not running.
const PING: Duration = Duration::from_secs(3);

/// `agent: 1`, `agent: enabled=1,…`.
pub(super) fn is_enabled(config: &Config) -> bool {
    let value = config.get("agent").unwrap_or("0");
    value
        .split(',')
        .any(|part| matches!(part, "1" | "enabled=1" | "on" | "yes"))
}

/// A synchronised connection.
pub(super) fn connect(node: &Node, vmid: u32) -> Result<QgaConnection, PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    if Machines::of(node).status(vmid).is_none() {
        return Err(PveError::died(2, format!("VM {vmid} is not running")));
    }
    if !is_enabled(&config) {
        return Err(PveError::died(255, "No QEMU guest agent configured"));
    }
    let opened = QgaConnection::connect(&node.run_file(vmid, "qga"), PING);
    let mut connection = opened.map_err(|_| PveError::NoAgent)?;
    connection.sync().map_err(|_| PveError::NoAgent)?;
    Ok(connection)
}

pub(super) fn ask(
    node: &Node,
    vmid: u32,
    command: &str,
    arguments: &Value,
) -> Result<Value, PveError> {
    let mut connection = connect(node, vmid)?;
    connection
        .ask(&format!("guest-{command}"), arguments)
        .map_err(|error| PveError::Agent(error.to_string()))
}

/// Asks the guest to shut down; the command has no answer.
pub(super) fn shut_down(node: &Node, vmid: u32) -> Result<(), PveError> {
    let opened = QgaConnection::connect(&node.run_file(vmid, "qga"), PING);
    let mut connection = opened.map_err(|_| PveError::NoAgent)?;
    connection.sync().map_err(|_| PveError::NoAgent)?;
    let request = json!({"execute": "guest-shutdown"});
    connection
        .send(format!("{request}\n").as_bytes())
        .map_err(|_| PveError::NoAgent)
}
