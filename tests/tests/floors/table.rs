//! On which floor each module stands. An entry covers the modules below it that have no entry of their own.
//!
//! 4 programs: what the operator, Proxmox or a test starts
//! 3 loops over guests and steps
//! 2 observing and executing: the only users of the clients
//! 1 clients: sockets, HTTP, files, commands, clocks
//! 0 pure: values, configuration, planning, rendering

/// One row.
pub(crate) struct Floor {
    pub(crate) krate: &'static str,
    pub(crate) module: &'static str,
    pub(crate) number: u8,
}

const fn on(krate: &'static str, module: &'static str, number: u8) -> Floor {
    Floor {
        krate,
        module,
        number,
    }
}

pub(crate) const FLOORS: &[Floor] = &[
    on("common", "command", 1),
    on("common", "config", 0),
    on("common", "config::load", 1),
    on("common", "config::sources", 1),
    on("common", "config::specs", 1),
    on("common", "digest", 0),
    on("common", "fs", 1),
    on("common", "log", 1),
    on("common", "observed", 0),
    on("common", "qga", 1),
    on("common", "qga::protocol", 0),
    on("common", "retry", 1),
    on("common", "secret", 0),
    on("common", "spec", 0),
    on("common", "untrusted", 0),
    on("common", "vmid", 0),
    on("common", "wire", 0),
    on("guest-agent", "cli", 4),
    on("guest-agent", "dispatch", 3),
    on("guest-agent", "docker", 1),
    on("guest-agent", "facts", 2),
    on("guest-agent", "failure", 1),
    on("guest-agent", "guest", 2),
    on("guest-agent", "guest::action", 0),
    on("guest-agent", "guest::error", 1),
    on("guest-agent", "guest::observed", 0),
    on("guest-agent", "guest::plan", 0),
    on("guest-agent", "job", 1),
    on("guest-agent", "job::runner", 3),
    on("guest-agent", "paths", 1),
    on("guest-agent", "program", 1),
    on("guest-agent", "progress", 1),
    on("guest-agent", "report", 1),
    on("guest-agent", "request", 3),
    on("guest-agent", "swarm", 2),
    on("guest-agent", "swarm::error", 1),
    on("guest-agent", "swarm::refusal", 1),
    on("guest-agent", "work", 3),
    on("hook", "agent_package", 1),
    on("hook", "channel", 1),
    on("hook", "cli", 4),
    on("hook", "commands", 4),
    on("hook", "context", 1),
    on("hook", "event", 0),
    on("hook", "exit_code", 1),
    on("hook", "hookscript", 4),
    on("hook", "host", 1),
    on("hook", "lock", 1),
    on("hook", "paths", 1),
    on("hook", "plan", 0),
    on("hook", "progress", 1),
    on("hook", "pve", 1),
    on("hook", "pve::conf", 0),
    on("hook", "pve::vmlist", 0),
    on("hook", "queue", 1),
    on("hook", "record", 1),
    on("tests", "bin", 4),
    on("tests", "lab", 2),
];
