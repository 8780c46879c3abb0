//! `qm`, as far as Phoenix, its users and the lab call it.

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::error::PveError;
use super::hook_call::Phase;
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::power::{Job, Shutdown, Start, Stop, clean_up};
use super::task::{self, Show};
use super::{agent, qm_set, resources, say, warn};

pub(super) fn run(node: &Node, words: &[String]) -> Result<(), PveError> {
    let Some((verb, words)) = words.split_first() else {
        return Err(PveError::usage(
            "ERROR: no command specified\nUSAGE: qm <COMMAND> [ARGS] [OPTIONS]",
        ));
    };
    let arguments = Arguments::parse(words);
    match verb.as_str() {
        "list" => list(node),
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
        "status" => status(node, vmid, arguments),
        "config" => config(node, vmid, arguments),
        "pending" => pending(node, vmid),
        "set" => qm_set::set(node, vmid, arguments),
        "resize" => qm_set::resize(node, vmid, arguments),
        "unlock" => qm_set::unlock(node, vmid),
        "lab-event" => event(node, vmid, arguments),
        _ => clean_up(node, vmid),
    }
}

pub(super) fn usage(verb: &str) -> String {
    let words = match verb {
        "resize" => "resize <vmid> <disk> <size> [OPTIONS]".to_owned(),
        "cleanup" => "cleanup <vmid> <clean-shutdown> <guest-requested>".to_owned(),
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
    task::run(node, "qmstart", Some(vmid), job, Show::Stdout).map(drop)
}

fn stop(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let job = Job::Stop(Stop {
        vmid,
        skip_lock: arguments.flag("skiplock"),
        migrated_from: arguments.options.get("migratedfrom").cloned(),
    });
    task::run(node, "qmstop", Some(vmid), job, Show::Stdout).map(drop)
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
    task::run(node, "qmshutdown", Some(vmid), job, Show::Stdout).map(drop)
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
    task::run(node, "qmreboot", Some(vmid), job, Show::Stdout).map(drop)
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
    let kind = match phase {
        Phase::PreStart | Phase::PostStart => "qmstart",
        Phase::PreStop | Phase::PostStop => "qmstop",
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
    task::run(node, kind, Some(vmid), job, Show::Stdout).map(drop)
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

fn status(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    if !arguments.flag("verbose") {
        say(&format!("status: {}", resources::status_word(node, vmid)));
        return Ok(());
    }
    let mut entry = resources::guest_entry(node, vmid, &config, true);
    if let Some(entry) = entry.as_object_mut() {
        entry.sort_keys();
    }
    for (key, value) in entry.as_object().into_iter().flatten() {
        say(&format!("{key}: {}", plain(value)));
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn list(node: &Node) -> Result<(), PveError> {
    let guests = node.guests(Kind::Qemu);
    if guests.is_empty() {
        return Ok(());
    }
    say(&format!(
        "{:>10} {:<20} {:<10} {:<10} {:>12} {:<10}",
        "VMID", "NAME", "STATUS", "MEM(MB)", "BOOTDISK(GB)", "PID"
    ));
    for vmid in guests {
        let config = node.config(Kind::Qemu, vmid)?;
        let running = resources::status_word(node, vmid) != "stopped";
        let hundredths = (resources::disk_bytes(&config) * 100) >> 30;
        let disk = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        say(&format!(
            "{vmid:>10} {:<20} {:<10} {:<10} {disk:>12} {:<10}",
            config.get("name").unwrap_or("-"),
            if running { "running" } else { "stopped" },
            resources::memory_mib(&config),
            u8::from(running),
        ));
    }
    Ok(())
}

fn config(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    let current = arguments.flag("current");
    let mut values = if current {
        config.current.clone()
    } else {
        config.wanted()
    };
    if !config.description.is_empty() {
        values.insert("description".to_owned(), config.description.join("%0A"));
    }
    for (key, value) in values {
        let value = if key == "cipassword" {
            "**********"
        } else {
            &value
        };
        say(&format!("{key}: {value}"));
    }
    Ok(())
}

fn pending(node: &Node, vmid: u32) -> Result<(), PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    let mut keys: Vec<&String> = config.current.keys().chain(config.pending.keys()).collect();
    keys.sort();
    keys.dedup();
    let deleted = config
        .pending
        .get("delete")
        .map(String::as_str)
        .unwrap_or_default();
    for key in keys.into_iter().filter(|key| *key != "delete") {
        let hidden = |value: &String| {
            if key == "cipassword" {
                "**********".to_owned()
            } else {
                value.clone()
            }
        };
        if let Some(value) = config.current.get(key) {
            say(&format!("cur {key}: {}", hidden(value)));
        }
        if let Some(value) = config.pending.get(key) {
            say(&format!("new {key}: {}", hidden(value)));
        }
        if deleted.split(',').any(|gone| gone == key) {
            say(&format!("del {key}"));
        }
    }
    Ok(())
}

fn guest(node: &Node, words: &[String]) -> Result<(), PveError> {
    let Some((verb, words)) = words.split_first() else {
        return Err(PveError::usage("400 not enough arguments"));
    };
    let arguments = Arguments::parse(words);
    let vmid = arguments.vmid(&format!("qm guest {verb} <vmid>"))?;
    if verb != "cmd" {
        let text = format!("ERROR: unknown command 'qm guest {verb}'");
        return Err(PveError::Usage(text));
    }
    let command = arguments
        .words
        .get(1)
        .map(String::as_str)
        .unwrap_or_default();
    let answer = agent::ask(node, vmid, command, &Value::Null)?;
    if answer != json!({}) {
        say(&format!("{answer:#}"));
    }
    Ok(())
}
