//! `qm`, as far as Phoenix, its users and the lab call it.

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::error::PveError;
use super::hook_call::Phase;
use super::job::Job;
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::power::{Shutdown, Start, Stop, clean_up};
use super::task::{self, Show};
use super::{agent, guest_exec, qm_guests, qm_set, qm_show, resize, warn};

pub(super) fn run(node: &Node, words: &[String]) -> Result<(), PveError> {
    let Some((verb, words)) = words.split_first() else {
        return Err(PveError::usage(
            "ERROR: no command specified\nUSAGE: qm <COMMAND> [ARGS] [OPTIONS]",
        ));
    };
    let arguments = Arguments::parse(words);
    match verb.as_str() {
        "list" => qm_show::list(node),
        // Not Proxmox's: pmxcfs does it by itself when a configuration moves.
        "lab-vmlist" => Ok(crate::lab::pve_files::write_vmlist(&node.etc_pve())?),
        "guest" => guest(node, words),
        "agent" => guest(node, &[&["cmd".to_owned()][..], words].concat()),
        _ => with_vmid(node, verb, &arguments),
    }
}

fn with_vmid(node: &Node, verb: &str, arguments: &Arguments) -> Result<(), PveError> {
    let known = [
        "start",
        "stop",
        "shutdown",
        "reboot",
        "reset",
        "suspend",
        "resume",
        "status",
        "config",
        "pending",
        "set",
        "resize",
        "unlock",
        "clone",
        "create",
        "destroy",
        "template",
        "cleanup",
        "lab-event",
    ];
    if !known.contains(&verb) {
        let text =
            format!("ERROR: unknown command 'qm {verb}'\nUSAGE: qm <COMMAND> [ARGS] [OPTIONS]");
        return Err(PveError::Usage(text));
    }
    let vmid = arguments.vmid(&usage(verb))?;
    match verb {
        "start" => start(node, vmid, arguments),
        "stop" => stop(node, vmid, arguments),
        "shutdown" => shutdown(node, vmid, arguments),
        "reboot" => reboot(node, vmid, arguments),
        "reset" | "suspend" | "resume" => under_lock(node, verb, vmid),
        "status" => qm_show::status(node, vmid, arguments),
        "config" => qm_show::config(node, vmid, arguments),
        "pending" => qm_show::pending(node, vmid),
        "set" => qm_set::set(node, vmid, arguments),
        "resize" => resize::resize(node, vmid, arguments),
        "clone" => qm_guests::clone(node, vmid, arguments),
        "create" => qm_guests::create(node, vmid, arguments),
        "destroy" => qm_guests::destroy(node, vmid, arguments),
        "template" => qm_guests::template(node, vmid),
        "unlock" => qm_set::unlock(node, vmid),
        "lab-event" => event(node, vmid, arguments),
        _ => clean_up(node, vmid),
    }
}

pub(super) fn usage(verb: &str) -> String {
    let words = match verb {
        "resize" => "resize <vmid> <disk> <size> [OPTIONS]".to_owned(),
        "cleanup" => "cleanup <vmid> <clean-shutdown> <guest-requested>".to_owned(),
        "clone" => qm_guests::CLONE_USAGE.to_owned(),
        _ => format!("{verb} <vmid> [OPTIONS]"),
    };
    format!("qm {words}")
}

fn start(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let job = Job::Start(Start {
        vmid,
        skip_lock: arguments.flag("skiplock"),
        migrated_from: arguments.options.get("migratedfrom").cloned(),
        // Not Proxmox's: vzdump starts a stopped guest so from inside.
        paused: arguments.flag("lab-paused"),
    });
    task::run(node, job, Show::Stdout).map(drop)
}

fn stop(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let job = Job::Stop(Stop {
        vmid,
        skip_lock: arguments.flag("skiplock"),
        migrated_from: arguments.options.get("migratedfrom").cloned(),
    });
    task::run(node, job, Show::Stdout).map(drop)
}

fn shutdown_of(vmid: u32, arguments: &Arguments) -> Shutdown {
    Shutdown {
        vmid,
        skip_lock: arguments.flag("skiplock"),
        timeout_seconds: arguments.seconds("timeout", 60),
        force_stop: arguments.flag("forceStop"),
    }
}

fn shutdown(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    // It looks first, says so, and starts its task all the same.
    match node.config_or_not_here(Kind::Qemu, vmid) {
        Err(error) => warn(&format!("{error}\n")),
        Ok(_) if Machines::of(node).status(vmid).is_none() => {
            warn(&PveError::NotRunning(vmid).to_string());
        }
        Ok(_) => {}
    }
    let job = Job::Shutdown(shutdown_of(vmid, arguments));
    task::run(node, job, Show::Stdout).map(drop)
}

fn reboot(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let looked = node.config_or_not_here(Kind::Qemu, vmid);
    if let Err(error) = looked {
        warn(&format!("{error}\n"));
        return Err(error);
    }
    if Machines::of(node).status(vmid).is_none() {
        warn(&PveError::NotRunning(vmid).to_string());
        return Err(PveError::died(2, format!("VM {vmid} not running")));
    }
    let job = Job::Reboot(shutdown_of(vmid, arguments));
    task::run(node, job, Show::Stdout).map(drop)
}

/// Not Proxmox's: one hook call as the task of that phase makes it.
fn event(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let name = arguments
        .words
        .get(1)
        .map(String::as_str)
        .unwrap_or_default();
    let Some(phase) = Phase::of_name(name) else {
        return Err(PveError::Usage(format!("no phase {name:?}")));
    };
    let job = Job::Event {
        vmid,
        phase,
        migrated_from: arguments
            .options
            .get("migratedfrom")
            .cloned()
            .unwrap_or_default(),
    };
    task::run(node, job, Show::Stdout).map(drop)
}

fn under_lock(node: &Node, verb: &str, vmid: u32) -> Result<(), PveError> {
    let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Task)?;
    node.config(Kind::Qemu, vmid)?;
    let machines = Machines::of(node);
    if machines.status(vmid).is_none() {
        return Err(PveError::died(255, format!("VM {vmid} not running")));
    }
    match verb {
        "reset" => machines.reset(vmid),
        "suspend" => machines.pause(vmid),
        _ => machines.proceed(vmid),
    }
}

fn guest(node: &Node, words: &[String]) -> Result<(), PveError> {
    let Some((verb, words)) = words.split_first() else {
        return Err(PveError::usage("400 not enough arguments"));
    };
    let arguments = Arguments::parse(words);
    let vmid = arguments.vmid(&format!("qm guest {verb} <vmid>"))?;
    match verb.as_str() {
        "cmd" => {
            let word = |n: usize| {
                arguments
                    .words
                    .get(n)
                    .map(String::as_str)
                    .unwrap_or_default()
            };
            let answer = agent::ask(node, vmid, word(1), &Value::Null)?;
            if answer != json!({}) {
                qm_show::say_pretty(&answer);
            }
            Ok(())
        }
        "exec" => guest_exec::run(node, vmid, &arguments),
        "exec-status" => {
            let pid = arguments
                .words
                .get(1)
                .map(String::as_str)
                .unwrap_or_default();
            qm_show::say_pretty(&agent::exec_status(node, vmid, pid)?);
            Ok(())
        }
        _ => Err(PveError::Usage(format!(
            "ERROR: unknown command 'qm guest {verb}'"
        ))),
    }
}
