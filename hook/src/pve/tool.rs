//! Proxmox's own command line tools.

use std::time::Duration;

use phoenix_common::command::Command;

use crate::paths::Paths;

/// `qm`, `pct` or `pvesh`, to be given arguments and run.
///
/// These tools need far more rights than the worker's unit has (setns, mount, root's ssh keys). So systemd runs
/// them in a transient unit, which passes stdin, both outputs and the exit code; without systemd they are run directly.
pub fn tool(paths: &Paths, name: &str, deadline: Duration) -> Command {
    let program = paths.pve_tool(name);
    if !paths.systemd_runtime_dir().exists() {
        return Command::new(program).deadline(deadline);
    }
    // Killing systemd-run would not end the unit: the unit has its own, a little later, end.
    let longest = format!("--property=RuntimeMaxSec={}", deadline.as_secs() + 5);
    Command::new("systemd-run")
        .args(["--quiet", "--pipe", "--wait", "--collect"])
        .arg(longest)
        .arg("--")
        .arg(program)
        .deadline(deadline)
}
