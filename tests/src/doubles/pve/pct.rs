//! `pct`: containers are light guests of the lab, entered as `pct exec` enters a real one (`l-*` of the recordings).

use std::io::{Read, Write};

use super::arguments::Arguments;
use super::container::ContainerJob;
use super::error::PveError;
use super::job::Job;
use super::machine::Machines;
use super::node::{Kind, Node};
use super::say;
use super::task::{self, Show};
use crate::lab::control::{Bytes, Output, Program};

pub(super) fn run(node: &Node, words: &[String]) -> Result<(), PveError> {
    let Some((verb, words)) = words.split_first() else {
        return Err(PveError::usage(
            "ERROR: no command specified\nUSAGE: pct <COMMAND> [ARGS] [OPTIONS]",
        ));
    };
    let arguments = Arguments::parse(words);
    match verb.as_str() {
        "list" => list(node),
        "status" => {
            let vmid = arguments.vmid("pct status <vmid> [OPTIONS]")?;
            node.config(Kind::Lxc, vmid)?;
            say(&format!("status: {}", status(node, vmid)));
            Ok(())
        }
        "config" => {
            let config = node.config(Kind::Lxc, arguments.vmid("pct config <vmid> [OPTIONS]")?)?;
            for (key, value) in config.wanted() {
                say(&format!("{key}: {value}"));
            }
            Ok(())
        }
        "exec" => exec(node, words),
        "start" => {
            let vmid = arguments.vmid("pct start <vmid> [OPTIONS]")?;
            work(node, ContainerJob::Start { vmid })
        }
        "stop" => {
            let vmid = arguments.vmid("pct stop <vmid> [OPTIONS]")?;
            work(node, ContainerJob::Stop { vmid })
        }
        "shutdown" => {
            let vmid = arguments.vmid("pct shutdown <vmid> [OPTIONS]")?;
            let timeout_seconds = arguments.seconds("timeout", 60);
            let shutdown = ContainerJob::Shutdown {
                vmid,
                timeout_seconds,
            };
            work(node, shutdown)
        }
        _ => {
            let text = format!(
                "ERROR: unknown command 'pct {verb}'\nUSAGE: pct <COMMAND> [ARGS] [OPTIONS]"
            );
            Err(PveError::Usage(text))
        }
    }
}

fn status(node: &Node, vmid: u32) -> &'static str {
    match Machines::of(node).status(vmid) {
        Some(_) => "running",
        None => "stopped",
    }
}

/// A container that is not there has no task either.
fn work(node: &Node, job: ContainerJob) -> Result<(), PveError> {
    node.config(Kind::Lxc, job.vmid())?;
    task::run(node, Job::Container(job), Show::Stdout).map(drop)
}

/// `exec <vmid> [--keep-env <0|1>] [--] COMMAND`, without any lock.
fn exec(node: &Node, words: &[String]) -> Result<(), PveError> {
    let usage = "pct exec <vmid> [<extra-args>] [OPTIONS]";
    let arguments = Arguments::parse(words);
    let options = arguments.options.keys();
    if let Some(option) = options.into_iter().find(|name| *name != "keep-env") {
        let text = format!("Unknown option: {option}\n400 unable to parse option\n{usage}");
        return Err(PveError::Usage(text));
    }
    let vmid = arguments.vmid(usage)?;
    let argv = [&arguments.words[1..], &arguments.rest].concat();
    if argv.is_empty() {
        let text = "missing command at /usr/share/perl5/PVE/CLI/pct.pm line 246.";
        return Err(PveError::usage(text));
    }
    node.config(Kind::Lxc, vmid)?;
    let machines = Machines::of(node);
    if machines.status(vmid).is_none() {
        let text = format!("container '{vmid}' not running!");
        return Err(PveError::died(255, text));
    }
    let keeps = arguments
        .options
        .get("keep-env")
        .is_none_or(|value| value != "0");
    let mut stdin = Vec::new();
    std::io::stdin().read_to_end(&mut stdin)?;
    let folder = std::env::current_dir().unwrap_or_default();
    let program = Program {
        argv,
        environment: environment(keeps),
        folder: folder.to_string_lossy().into_owned(),
        stdin: Bytes(stdin),
    };
    ended(&machines.run(vmid, program)?)
}

/// l-exec: the caller's, but for PATH and TERM; without it three variables.
fn environment(keeps: bool) -> Vec<(String, String)> {
    let ours = |path: &str| {
        let ours = [("PATH", path), ("container", "lxc"), ("TERM", "linux")];
        ours.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    if !keeps {
        return ours("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").to_vec();
    }
    let ours = ours("/sbin:/bin:/usr/sbin:/usr/bin");
    let replaced = |name: &str| ours.iter().any(|(own, _)| own == name);
    let kept = std::env::vars().filter(|(name, _)| !replaced(name));
    let mut all: Vec<_> = kept.collect();
    all.extend(ours.clone());
    all
}

/// Its streams as they are, then its exit code.
fn ended(output: &Output) -> Result<(), PveError> {
    std::io::stdout().write_all(&output.stdout.0)?;
    std::io::stderr().write_all(&output.stderr.0)?;
    match output.code {
        0 => Ok(()),
        code => Err(PveError::Silent(code)),
    }
}

fn list(node: &Node) -> Result<(), PveError> {
    let guests = node.guests(Kind::Lxc);
    if guests.is_empty() {
        return Ok(());
    }
    say(&format!(
        "{:<10} {:<10} {:<12} {:<20}",
        "VMID", "Status", "Lock", "Name"
    ));
    for vmid in guests {
        let config = node.config(Kind::Lxc, vmid)?;
        let (lock, name) = (
            config.get("lock").unwrap_or(""),
            config.get("hostname").unwrap_or(""),
        );
        let status = status(node, vmid);
        say(&format!("{vmid:<10} {status:<10} {lock:<12} {name:<20}"));
    }
    Ok(())
}
