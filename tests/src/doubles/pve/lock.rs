//! The lock Proxmox holds around every change of a guest.

use std::fs::{self, File};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use phoenix_common::retry::Deadline;

use super::error::PveError;
use super::node::{Kind, Node};

/// What a waiter waits (`PVE::AbstractConfig`); `qm cleanup` waits longer.
pub(super) const WAIT: Duration = Duration::from_secs(10);

/// Who is told that the lock is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teller {
    /// Tasks say it on stdout.
    Task,
    /// `qm set` says it on stderr.
    Tool,
}

/// Takes the guest's flock, waiting `longest`.
pub(super) fn lock(
    node: &Node,
    kind: Kind,
    vmid: u32,
    longest: Duration,
    teller: Teller,
) -> Result<Flock<File>, PveError> {
    let name = match kind {
        Kind::Qemu => format!("/var/lock/qemu-server/lock-{vmid}.conf"),
        Kind::Lxc => format!("/run/lock/lxc/pve-config-{vmid}.lock"),
    };
    let path = node.below(&name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Close-on-exec: no hook ever sees it.
    let mut file = File::options().create(true).append(true).open(&path)?;
    let deadline = Deadline::after(longest);
    let mut told = false;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(held) => {
                if told {
                    tell(teller, " OK\n");
                }
                return Ok(held);
            }
            Err((back, _)) => file = back,
        }
        if !told {
            tell(teller, "trying to acquire lock...\n");
            told = true;
        }
        if deadline.has_passed() {
            return Err(PveError::LockTimeout(name));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool's own streams"
)]
fn tell(teller: Teller, text: &str) {
    match teller {
        Teller::Task => print!("{text}"),
        Teller::Tool => eprint!("{text}"),
    }
}
