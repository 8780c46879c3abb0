//! `pvesh`: the API paths that Phoenix changes things by, and the bulk tasks of a node's boot and shutdown.

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::error::PveError;
use super::job::Job;
use super::lock::Teller;
use super::node::Node;
use super::power::{Shutdown, Start, Stop};
use super::qm_check::Caller;
use super::qm_guests::{clone_of, destroy_of};
use super::qm_set::Changes;
use super::task::{self, Show};
use super::{agent, fault, pvesh_get, resize, say, warn};

/// Options of every call, not of the path's own.
const OF_THE_TOOL: [&str; 4] = ["output-format", "noborder", "noheader", "human-readable"];

pub(super) fn run(node: &Node, words: &[String]) -> Result<(), PveError> {
    let mut arguments = Arguments::parse(words);
    for name in OF_THE_TOOL {
        arguments.options.remove(name);
    }
    let [verb, path] = arguments.words.as_slice() else {
        return Err(PveError::usage("400 not enough arguments"));
    };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    check_node(node, &parts)?;
    let answer = match verb.as_str() {
        "get" => Some(pvesh_get::get(node, &parts, &arguments)?),
        "create" => Some(create(node, &parts, &arguments)?),
        "set" => set(node, &parts, &arguments)?,
        "delete" => Some(delete(node, &parts, &arguments)?),
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
        ["nodes", name, ..] if fault::is_on(node, &format!("gone-{name}")) => Err(PveError::died(
            255,
            format!("ssh: connect to host {name} port 22: No route to host"),
        )),
        // Proxmox's own units say `localhost` (pve-guests.service).
        ["nodes", "localhost", ..] => Ok(()),
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

/// The answer is the task's UPID, after what the task prints.
fn create(node: &Node, parts: &[&str], arguments: &Arguments) -> Result<Value, PveError> {
    let job = match parts {
        ["nodes", _, "startall"] => Job::StartAll {
            force: arguments.flag("force"),
        },
        ["nodes", _, "stopall"] => Job::StopAll {
            timeout_seconds: arguments.seconds("timeout", 180),
        },
        ["nodes", _, "qemu", vmid, "clone"] => clone(node, number(vmid)?, arguments)?,
        ["nodes", _, "qemu", vmid, "config"] => {
            Changes::checked(node, &arguments.options, Caller::Pvesh)?;
            Job::Config {
                vmid: number(vmid)?,
                options: arguments.options.clone(),
            }
        }
        ["nodes", _, "qemu", vmid, "status", verb] => {
            power_job(number(vmid)?, verb, arguments)?.ok_or_else(|| no_handler("create", parts))?
        }
        ["nodes", _, "qemu", vmid, "agent", "exec"] => {
            return agent::exec(node, number(vmid)?, &arguments.all("command"), None);
        }
        ["nodes", _, "qemu", vmid, "agent", command] => {
            let result = agent::ask(node, number(vmid)?, command, &Value::Null)?;
            return Ok(json!({"result": result}));
        }
        _ => return Err(no_handler("create", parts)),
    };
    as_task(node, job)
}

/// Recorded: a task's failure is the task's; the call itself has done its work and ends with 0.
fn as_task(node: &Node, job: Job) -> Result<Value, PveError> {
    match task::run(node, job, Show::Stdout) {
        Err(PveError::Task { upid, wrong }) => {
            warn(&wrong);
            Ok(json!(upid))
        }
        other => Ok(json!(other?)),
    }
}

fn clone(node: &Node, vmid: u32, arguments: &Arguments) -> Result<Job, PveError> {
    let usage = "pvesh create <api_path> --newid <integer> [OPTIONS] [FORMAT_OPTIONS]";
    let Some(newid) = arguments.options.get("newid") else {
        let text = format!("newid: property is missing and it is not optional\n{usage}");
        return Err(PveError::Parameter(text));
    };
    let clone = clone_of(vmid, newid, arguments, usage)?;
    clone.check(node)?;
    Ok(Job::Clone(clone))
}

fn power_job(vmid: u32, verb: &str, arguments: &Arguments) -> Result<Option<Job>, PveError> {
    let known = ["skiplock", "timeout", "forceStop", "overrule-shutdown"];
    if let Some(option) = arguments
        .options
        .keys()
        .find(|key| !known.contains(&key.as_str()))
    {
        return Err(PveError::Usage(format!(
            "Unknown option: {option}\n400 unable to parse option\npvesh create <api_path> \
             [OPTIONS] [FORMAT_OPTIONS]"
        )));
    }
    let skip_lock = arguments.flag("skiplock");
    let shutdown = || Shutdown {
        vmid,
        skip_lock,
        timeout_seconds: arguments.seconds("timeout", 60),
        force_stop: arguments.flag("forceStop"),
    };
    Ok(Some(match verb {
        "start" => Job::Start(Start {
            vmid,
            skip_lock,
            ..Start::default()
        }),
        "stop" => Job::Stop(Stop {
            vmid,
            skip_lock,
            ..Stop::default()
        }),
        "shutdown" => Job::Shutdown(shutdown()),
        "reboot" => Job::Reboot(shutdown()),
        _ => return Ok(None),
    }))
}

/// `config` is written at once and has no answer; `resize` is a task.
fn set(node: &Node, parts: &[&str], arguments: &Arguments) -> Result<Option<Value>, PveError> {
    match parts {
        ["nodes", _, "qemu", vmid, "config"] => {
            let changes = Changes::checked(node, &arguments.options, Caller::Pvesh)?;
            changes.apply(node, number(vmid)?, Teller::Tool)?;
            Ok(None)
        }
        ["nodes", _, "qemu", vmid, "resize"] => {
            let option = |name: &str| {
                let value = arguments.options.get(name).map(String::as_str);
                value.ok_or_else(|| {
                    PveError::Parameter(format!(
                        "{name}: property is missing and it is not optional"
                    ))
                })
            };
            let usage = "pvesh set <api_path> --disk <string> --size <string> [OPTIONS]";
            let job = resize::job(number(vmid)?, option("disk")?, option("size")?, usage)?;
            as_task(node, job).map(Some)
        }
        _ => Err(no_handler("set", parts)),
    }
}

fn delete(node: &Node, parts: &[&str], arguments: &Arguments) -> Result<Value, PveError> {
    let ["nodes", _, "qemu", vmid] = parts else {
        return Err(no_handler("delete", parts));
    };
    let destroy = destroy_of(number(vmid)?, arguments);
    destroy.check(node)?;
    as_task(node, Job::Destroy(destroy))
}

pub(super) fn number(text: &str) -> Result<u32, PveError> {
    text.parse().map_err(|_| {
        PveError::Parameter(format!(
            "vmid: type check ('integer') failed - got '{text}'"
        ))
    })
}

pub(super) fn no_handler(verb: &str, parts: &[&str]) -> PveError {
    PveError::died(
        1,
        format!("No '{verb}' handler defined for '/{}'", parts.join("/")),
    )
}
