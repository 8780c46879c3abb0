//! `pvesh`: the API paths that Phoenix asks, and the bulk tasks of a node's boot and shutdown.

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::error::PveError;
use super::node::{Kind, Node};
use super::power::{Job, Shutdown, Start, Stop};
use super::task::{self, Show};
use super::{agent, qm_set, resources, say, warn};

pub(super) fn run(node: &Node, words: &[String]) -> Result<(), PveError> {
    let arguments = Arguments::parse(words);
    let [verb, path] = arguments.words.as_slice() else {
        return Err(PveError::usage("400 not enough arguments"));
    };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    check_node(node, &parts)?;
    let answer = match verb.as_str() {
        "get" => get(node, &parts, &arguments)?,
        "create" => Some(json!(create(node, &parts, &arguments)?)),
        "set" => {
            set(node, &parts, &arguments)?;
            None
        }
        _ => return Err(no_handler(verb, &parts)),
    };
    if let Some(answer) = answer {
        say(&answer.to_string());
    }
    Ok(())
}

/// Other nodes are reached over the network, which this node has not.
fn check_node(node: &Node, parts: &[&str]) -> Result<(), PveError> {
    match parts {
        ["nodes", name, ..] if *name != node.name() => Err(PveError::died(
            11,
            format!(
                "hostname lookup '{name}' failed - failed to get address info for: {name}: \
                 Temporary failure in name resolution"
            ),
        )),
        _ => Ok(()),
    }
}

fn get(node: &Node, parts: &[&str], arguments: &Arguments) -> Result<Option<Value>, PveError> {
    let answer = match parts {
        ["version"] => json!({"release": "9.1", "repoid": "lab", "version": "9.1.9"}),
        ["cluster", "nextid"] => next_id(node, arguments)?,
        ["cluster", "resources"] => guests(node, resources::resource_entry)?,
        ["cluster", "ha", "resources"] | ["cluster", "config", "nodes"] => json!([]),
        ["nodes"] => json!([{"id": format!("node/{}", node.name()), "node": node.name(),
            "ssl_fingerprint": null, "status": "online", "type": "node"}]),
        ["storage"] => {
            json!([{"content": "iso,snippets,backup,images,vztmpl", "path": "/var/lib/vz",
            "storage": "local", "type": "dir"}])
        }
        ["nodes", _, "qemu"] => {
            let full = arguments.flag("full");
            guests(node, |node, vmid, config| {
                resources::guest_entry(node, vmid, config, full)
            })?
        }
        ["nodes", _, "qemu", vmid, rest @ ..] => {
            return guest(node, number(vmid)?, rest, arguments);
        }
        ["nodes", _, "tasks", upid, "log"] => task_log(node, upid)?,
        ["nodes", _, "tasks", upid, "status"] => task_status(node, upid)?,
        _ => return Err(no_handler("get", parts)),
    };
    Ok(Some(answer))
}

fn guest(
    node: &Node,
    vmid: u32,
    rest: &[&str],
    arguments: &Arguments,
) -> Result<Option<Value>, PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    let answer = match rest {
        ["config"] => resources::config_json(&config, arguments.flag("current")),
        ["status", "current"] => resources::status_current(node, vmid, &config),
        ["agent", command] => {
            json!({"result": agent::ask(node, vmid, command, &Value::Null)?})
        }
        _ => return Err(no_handler("get", rest)),
    };
    Ok(Some(answer))
}

fn guests(
    node: &Node,
    entry: impl Fn(&Node, u32, &super::config::Config) -> Value,
) -> Result<Value, PveError> {
    let mut entries = Vec::new();
    for vmid in node.guests(Kind::Qemu) {
        entries.push(entry(node, vmid, &node.config(Kind::Qemu, vmid)?));
    }
    Ok(Value::Array(entries))
}

fn next_id(node: &Node, arguments: &Arguments) -> Result<Value, PveError> {
    let taken = [node.guests(Kind::Qemu), node.guests(Kind::Lxc)].concat();
    if let Some(wanted) = arguments.options.get("vmid") {
        if taken.iter().any(|vmid| vmid.to_string() == *wanted) {
            let text = format!(
                "vmid: VM {wanted} already exists\npvesh get <api_path> [OPTIONS] [FORMAT_OPTIONS]"
            );
            return Err(PveError::Parameter(text));
        }
        return Ok(json!(wanted));
    }
    let free = (100..=999_999_999)
        .find(|vmid| !taken.contains(vmid))
        .unwrap_or(100);
    Ok(json!(free.to_string()))
}

/// The answer is the task's UPID, after what the task prints.
fn create(node: &Node, parts: &[&str], arguments: &Arguments) -> Result<String, PveError> {
    let (kind, vmid, job) = match parts {
        ["nodes", _, "startall"] => (
            "startall",
            None,
            Job::StartAll {
                force: arguments.flag("force"),
            },
        ),
        ["nodes", _, "stopall"] => {
            let timeout_seconds = arguments.seconds("timeout", 180);
            ("stopall", None, Job::StopAll { timeout_seconds })
        }
        ["nodes", _, "qemu", vmid, "status", verb] => {
            let vmid = number(vmid)?;
            let (kind, job) =
                power_job(vmid, verb, arguments).ok_or_else(|| no_handler("create", parts))?;
            (kind, Some(vmid), job)
        }
        _ => return Err(no_handler("create", parts)),
    };
    match task::run(node, kind, vmid, job, Show::Stdout) {
        // Recorded: the failure is the task's; the call itself has done its work.
        Err(PveError::Task(wrong)) => {
            warn(&wrong);
            Ok(String::new())
        }
        other => other,
    }
}

fn power_job(vmid: u32, verb: &str, arguments: &Arguments) -> Option<(&'static str, Job)> {
    let shutdown = |timeout_seconds| Shutdown {
        vmid,
        skip_lock: arguments.flag("skiplock"),
        timeout_seconds,
        force_stop: arguments.flag("forceStop"),
    };
    let seconds = arguments.seconds("timeout", 60);
    Some(match verb {
        "start" => (
            "qmstart",
            Job::Start(Start {
                vmid,
                ..Start::default()
            }),
        ),
        "stop" => (
            "qmstop",
            Job::Stop(Stop {
                vmid,
                ..Stop::default()
            }),
        ),
        "shutdown" => ("qmshutdown", Job::Shutdown(shutdown(seconds))),
        "reboot" => ("qmreboot", Job::Reboot(shutdown(seconds))),
        _ => return None,
    })
}

fn set(node: &Node, parts: &[&str], arguments: &Arguments) -> Result<(), PveError> {
    let ["nodes", _, "qemu", vmid, "config"] = parts else {
        return Err(no_handler("set", parts));
    };
    let mut arguments = Arguments {
        options: arguments.options.clone(),
        ..Arguments::default()
    };
    arguments.options.remove("output-format");
    qm_set::set(node, number(vmid)?, &arguments)
}

fn task_log(node: &Node, upid: &str) -> Result<Value, PveError> {
    let text = std::fs::read_to_string(task::log_path(node, upid))
        .map_err(|_| PveError::died(255, "unable to open file - No such file or directory"))?;
    let lines = text
        .lines()
        .zip(1..)
        .map(|(line, n)| json!({"n": n, "t": line}));
    Ok(Value::Array(lines.collect()))
}

fn task_status(node: &Node, upid: &str) -> Result<Value, PveError> {
    let text = std::fs::read_to_string(task::log_path(node, upid))
        .map_err(|_| PveError::died(255, "no such task"))?;
    let last = text.lines().last().unwrap_or_default();
    let exit = last
        .strip_prefix("TASK ERROR: ")
        .or(last.strip_prefix("TASK "));
    Ok(json!({"exitstatus": exit, "status": "stopped", "upid": upid, "node": node.name()}))
}

fn number(text: &str) -> Result<u32, PveError> {
    text.parse().map_err(|_| {
        PveError::Parameter(format!(
            "vmid: type check ('integer') failed - got '{text}'"
        ))
    })
}

fn no_handler(verb: &str, parts: &[&str]) -> PveError {
    PveError::died(
        1,
        format!("No '{verb}' handler defined for '/{}'", parts.join("/")),
    )
}
