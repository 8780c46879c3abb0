//! The tasks of a node's boot and shutdown, and their children.

use std::time::Duration;

use super::job::Job;
use super::machine::Machines;
use super::node::Node;
use super::power::{Shutdown, Start};
use super::resources::startup_order;
use super::say;
use super::task::{self, Show};

/// Node boot: guests with `onboot`, by order; a group starts when the group before has started.
pub(super) fn start_all(node: &Node, force: bool) {
    for guest in startup_order(node) {
        if !force && !guest.onboot || Machines::of(node).status(guest.vmid).is_some() {
            continue;
        }
        let vmid = guest.vmid;
        say(&format!("Starting VM {vmid}"));
        let start = Start {
            vmid,
            ..Start::default()
        };
        // Children of a bulk task log on their own.
        if let Err(error) = task::run(node, Job::Start(start), Show::Nothing) {
            say(&format!("Starting VM {vmid} failed: {error}"));
        } else if guest.up_seconds > 0 {
            say(&format!(
                "Waiting for {} seconds (startup delay)",
                guest.up_seconds
            ));
            std::thread::sleep(Duration::from_secs(guest.up_seconds));
        }
    }
}

/// Node shutdown: all running guests, in reverse order.
pub(super) fn stop_all(node: &Node, timeout_seconds: u64) {
    for guest in startup_order(node).into_iter().rev() {
        if Machines::of(node).status(guest.vmid).is_none() {
            continue;
        }
        let vmid = guest.vmid;
        say(&format!(
            "Stopping VM {vmid} (timeout = {timeout_seconds} seconds)"
        ));
        let shutdown = Shutdown {
            vmid,
            skip_lock: false,
            timeout_seconds,
            force_stop: true,
        };
        let job = Job::Shutdown(shutdown);
        if let Err(error) = task::run(node, job, Show::Nothing) {
            say(&format!("Stopping VM {vmid} failed: {error}"));
        }
    }
}
