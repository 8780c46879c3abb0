//! The lab's bridge. It lives in the network namespace of the lab's process, so neither the host's
//! firewall nor its routes touch it, and it ends with that process.

use std::path::Path;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use phoenix_common::retry::Deadline;

use super::error::LabError;
use super::process::Process;
use super::run::Run;
use super::spec::GATEWAY;

const BRIDGE: &str = "lab0";

/// Moves the calling thread (and those it starts later) into a new network namespace with the bridge.
pub(super) fn enter_new() -> Result<(), LabError> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|errno| LabError::Control(format!("no network namespace: {errno}")))?;
    let address = format!("{GATEWAY}/24");
    ip(&["link", "set", "lo", "up"])?;
    // Without an address of its own the bridge takes one of its ports', another one when that machine goes, and then
    // the others do not reach it until their neighbour entries are renewed.
    ip(&[
        "link",
        "add",
        BRIDGE,
        "address",
        "02:00:00:00:00:fe",
        "type",
        "bridge",
    ])?;
    ip(&["address", "add", &address, "dev", BRIDGE])?;
    ip(&["link", "set", BRIDGE, "up"])?;
    // Bridged frames are not the packet filter's business; absent without br_netfilter.
    let _ = std::fs::write("/proc/sys/net/bridge/bridge-nf-call-iptables", "0");
    Ok(())
}

/// Joins the machine's network namespace to the bridge, as its `eth0`.
pub(super) fn plug(machine: &str, outer: Process) -> Result<(), LabError> {
    wait_for_namespace(machine, outer)?;
    let cable = cable(machine);
    let pid = outer.pid.to_string();
    let peer = ["type", "veth", "peer", "name", "eth0", "netns", &pid];
    ip(&[&["link", "add", &cable][..], &peer].concat())?;
    ip(&["link", "set", &cable, "master", BRIDGE, "up"])
}

/// Pulls the cable. A namespace dies later than its processes and keeps the name till then.
pub(super) fn unplug(machine: &str) {
    // Gone already is fine.
    let _ = Run::new(["ip", "link", "delete", &cable(machine)]).run();
}

fn wait_for_namespace(machine: &str, outer: Process) -> Result<(), LabError> {
    let own = std::fs::read_link("/proc/thread-self/ns/net").ok();
    let theirs = format!("/proc/{}/ns/net", outer.pid);
    let deadline = Deadline::after(Duration::from_secs(20));
    loop {
        let now = std::fs::read_link(Path::new(&theirs)).ok();
        if now.is_some() && now != own {
            return Ok(());
        }
        if deadline.has_passed() || !outer.is_alive() {
            return Err(LabError::machine(machine, "died before it had a network"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn cable(machine: &str) -> String {
    format!("v{machine}")
}

fn ip(arguments: &[&str]) -> Result<(), LabError> {
    Run::new(std::iter::once("ip").chain(arguments.iter().copied()))
        .deadline(Duration::from_secs(20))
        .ok()
        .map(drop)
}
