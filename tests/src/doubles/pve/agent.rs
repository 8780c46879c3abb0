//! The guest agent as Proxmox's tools use it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use phoenix_common::retry::Deadline;
use serde_json::{Map, Value, json};

use super::config::Config;
use super::error::PveError;
use super::machine::Machines;
use super::node::{Kind, Node};
use crate::lab::{LabError, QgaConnection};

/// What `guest-ping` may take before the agent counts as not running.
const PING: Duration = Duration::from_secs(3);

/// Commands that `qm guest cmd` has.
const COMMANDS: [&str; 20] = [
    "fsfreeze-freeze",
    "fsfreeze-status",
    "fsfreeze-thaw",
    "fstrim",
    "get-fsinfo",
    "get-host-name",
    "get-memory-block-info",
    "get-memory-blocks",
    "get-osinfo",
    "get-time",
    "get-timezone",
    "get-users",
    "get-vcpus",
    "info",
    "network-get-interfaces",
    "ping",
    "shutdown",
    "suspend-disk",
    "suspend-hybrid",
    "suspend-ram",
];

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
    if arguments.is_null() && !COMMANDS.contains(&command) {
        let known = COMMANDS.join(", ");
        return Err(PveError::Parameter(format!(
            "command: value '{command}' does not have a value in the enumeration '{known}'"
        )));
    }
    let mut connection = connect(node, vmid)?;
    connection
        .ask(&format!("guest-{command}"), arguments)
        .map_err(|error| PveError::Agent(told(error)))
}

/// The agent's own words, when it was the agent that refused.
fn told(error: LabError) -> String {
    let LabError::Qga { wrong, .. } = error else {
        return error.to_string();
    };
    let own: Option<Value> = serde_json::from_str(&wrong).ok();
    let text = own.as_ref().and_then(|own| own["desc"].as_str());
    text.map_or(wrong.clone(), str::to_owned)
}

/// Starts a program in the guest: `{"pid": …}`.
pub(super) fn exec(
    node: &Node,
    vmid: u32,
    command: &[String],
    input: Option<&[u8]>,
) -> Result<Value, PveError> {
    let Some((path, arguments)) = command.split_first() else {
        return Err(PveError::died(
            255,
            "command or input-data (or both) required",
        ));
    };
    let mut request = json!({"path": path, "arg": arguments, "capture-output": true});
    if let Some(input) = input {
        request["input-data"] = json!(STANDARD.encode(input));
    }
    match ask(node, vmid, "exec", &request) {
        Err(PveError::Agent(wrong)) if wrong.starts_with("Failed to execute") => Err(
            PveError::Agent(format!("Guest agent command failed, error was '{wrong}'")),
        ),
        other => other,
    }
}

/// How it went, in the API's form: text for base64, numbers for booleans.
pub(super) fn exec_status(node: &Node, vmid: u32, pid: &str) -> Result<Value, PveError> {
    let Ok(pid) = pid.parse::<u64>() else {
        let text = format!("pid: type check ('integer') failed - got '{pid}'");
        return Err(PveError::Parameter(text));
    };
    let status = ask(node, vmid, "exec-status", &json!({"pid": pid}))?;
    let mut shown = Map::new();
    for (key, value) in status.as_object().into_iter().flatten() {
        let value = match value {
            Value::Bool(flag) => json!(u8::from(*flag)),
            Value::String(text) => {
                let bytes = STANDARD.decode(text).unwrap_or_default();
                // Perl's JSON takes bytes for Latin-1.
                json!(
                    bytes
                        .iter()
                        .map(|byte| char::from(*byte))
                        .collect::<String>()
                )
            }
            other => other.clone(),
        };
        shown.insert(key.clone(), value);
    }
    shown.sort_keys();
    Ok(Value::Object(shown))
}

/// Waits for a program's end as `qm guest exec` does; none when `longest` passed.
pub(super) fn await_exec(
    node: &Node,
    vmid: u32,
    pid: &Value,
    longest: Duration,
) -> Result<Option<Value>, PveError> {
    let deadline = Deadline::after(longest);
    loop {
        let status = exec_status(node, vmid, &pid.to_string())?;
        if status["exited"] == 1 {
            return Ok(Some(status));
        }
        if deadline.has_passed() {
            return Ok(None);
        }
        // The tool itself looks once a second.
        std::thread::sleep(Duration::from_millis(200));
    }
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
