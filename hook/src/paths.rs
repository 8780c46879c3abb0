//! Every place on the hypervisor that Phoenix reads or writes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use phoenix_common::vmid::Vmid;

use crate::pve::vmlist::Kind;

/// Variable that puts a folder in front of every path; empty or unset in production.
pub const ROOT_VARIABLE: &str = "PHOENIX_ROOT";
/// Variable that names the configuration folder; `--config-dir` wins over it.
pub const CONFIG_DIR_VARIABLE: &str = "PHOENIX_CONFIG_DIR";

/// All places, below one root. Copies are cheap enough to hand around; nothing is created here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
    config_dir: PathBuf,
}

impl Paths {
    /// Places below `root`, with the default configuration folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let config_dir = below(&root, "/etc/phoenix");
        Self { root, config_dir }
    }

    /// As [`ROOT_VARIABLE`] and [`CONFIG_DIR_VARIABLE`] say.
    pub fn from_environment() -> Self {
        let paths = Self::new(variable(ROOT_VARIABLE).unwrap_or_default());
        match variable(CONFIG_DIR_VARIABLE) {
            Some(folder) => paths.with_config_dir(folder),
            None => paths,
        }
    }

    /// With another configuration folder, taken as it is (not below the root).
    #[must_use]
    pub fn with_config_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config_dir = folder.into();
        self
    }

    /// The folder in front of every other path; empty in production.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The operator's configuration.
    pub fn config_dir(&self) -> &Path {
        &self.config_dir
    }

    /// Passwords and keys, mode 0700; the files in it 0600.
    pub fn secrets_dir(&self) -> PathBuf {
        self.config_dir.join("secrets")
    }

    /// Held while a process of Phoenix writes to the Portainer server.
    pub fn portainer_lock(&self) -> PathBuf {
        self.run_dir().join("portainer.lock")
    }

    /// The node's own settings, always on the local disk: the one file of the configuration that the hook form reads.
    pub fn local_settings(&self) -> PathBuf {
        self.below("/etc/phoenix/phoenix_hypervisor_config.json")
    }

    /// What Phoenix keeps over a reboot.
    pub fn state_dir(&self) -> PathBuf {
        self.below("/var/lib/phoenix")
    }

    /// Events that no worker has taken yet; watched by `phoenix-worker.path`.
    pub fn queue_dir(&self) -> PathBuf {
        self.below("/var/lib/phoenix/queue")
    }

    /// Events that the worker has taken and not finished.
    pub fn work_dir(&self) -> PathBuf {
        self.below("/var/lib/phoenix/work")
    }

    /// Files of the queue that are no events.
    pub fn rejected_dir(&self) -> PathBuf {
        self.below("/var/lib/phoenix/rejected")
    }

    /// Half-written events; same file system as the queue.
    pub fn tmp_dir(&self) -> PathBuf {
        self.below("/var/lib/phoenix/tmp")
    }

    /// One record per guest.
    pub fn guests_dir(&self) -> PathBuf {
        self.below("/var/lib/phoenix/guests")
    }

    /// The record of one guest.
    pub fn guest_record(&self, vmid: Vmid) -> PathBuf {
        self.guests_dir().join(format!("{vmid}.json"))
    }

    /// The flight recorder: finished events with their outcome.
    pub fn events_dir(&self) -> PathBuf {
        self.below("/var/lib/phoenix/events")
    }

    /// Lock files; gone after a reboot.
    pub fn run_dir(&self) -> PathBuf {
        self.below("/run/phoenix")
    }

    /// Held while one reconcile works on a guest.
    pub fn guest_lock(&self, vmid: Vmid) -> PathBuf {
        self.run_dir().join(format!("guest-{vmid}.lock"))
    }

    /// Held while a process of Phoenix is connected to a guest's QEMU guest agent.
    pub fn qga_lock(&self, vmid: Vmid) -> PathBuf {
        self.run_dir().join(format!("qga-{vmid}.lock"))
    }

    /// Proxmox's cluster file system.
    pub fn pve_dir(&self) -> PathBuf {
        self.below("/etc/pve")
    }

    /// A guest's configuration file in its node's folder.
    pub fn guest_conf(&self, node: &str, kind: Kind, vmid: Vmid) -> PathBuf {
        let folder = match kind {
            Kind::Qemu => "qemu-server",
            Kind::Lxc => "lxc",
        };
        let nodes = self.pve_dir().join("nodes");
        nodes.join(node).join(folder).join(format!("{vmid}.conf"))
    }

    /// Held while a worker works: there is one.
    pub fn worker_lock(&self) -> PathBuf {
        self.run_dir().join("worker.lock")
    }

    /// Held while a process of Phoenix changes a Swarm or a stack on it.
    pub fn swarm_lock(&self, name: &str) -> PathBuf {
        self.run_dir().join(format!("swarm-{name}.lock"))
    }

    /// One of Proxmox's command line tools (`qm`, `pct`, `pvesh`).
    pub fn pve_tool(&self, name: &str) -> PathBuf {
        self.below("/usr/sbin").join(name)
    }

    /// There only while systemd runs (`sd_booted(3)`).
    pub fn systemd_runtime_dir(&self) -> PathBuf {
        self.below("/run/systemd/system")
    }

    /// QEMU's guest agent socket of a VM (`QemuServer.pm`, chardev `qga0`).
    pub fn qga_socket(&self, vmid: Vmid) -> PathBuf {
        self.below(&format!("/run/qemu-server/{vmid}.qga"))
    }

    /// QEMU's monitor socket of a VM.
    pub fn qmp_socket(&self, vmid: Vmid) -> PathBuf {
        self.below(&format!("/run/qemu-server/{vmid}.qmp"))
    }

    /// The guest package that this hypervisor package carries.
    pub fn carried_guest_package(&self) -> PathBuf {
        self.below("/usr/lib/phoenix/phoenix-guest-agent.deb")
    }

    /// The Debian version of [`Self::carried_guest_package`], one line.
    pub fn carried_guest_package_version(&self) -> PathBuf {
        self.below("/usr/lib/phoenix/phoenix-guest-agent.version")
    }

    fn below(&self, absolute: &str) -> PathBuf {
        below(&self.root, absolute)
    }
}

fn below(root: &Path, absolute: &str) -> PathBuf {
    if root.as_os_str().is_empty() {
        PathBuf::from(absolute)
    } else {
        root.join(absolute.trim_start_matches('/'))
    }
}

/// A variable's value; a set but empty one counts as unset.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_root_gives_the_real_places() {
        let paths = Paths::new("");
        let vmid = Vmid::new(1002).unwrap();
        assert_eq!(paths.queue_dir(), Path::new("/var/lib/phoenix/queue"));
        assert_eq!(
            paths.qga_socket(vmid),
            Path::new("/run/qemu-server/1002.qga")
        );
        assert_eq!(paths.config_dir(), Path::new("/etc/phoenix"));
    }

    #[test]
    fn a_root_stands_before_all_but_a_named_config_dir() {
        let paths = Paths::new("/lab");
        assert_eq!(paths.pve_dir(), Path::new("/lab/etc/pve"));
        assert_eq!(paths.config_dir(), Path::new("/lab/etc/phoenix"));
        let paths = paths.with_config_dir("/mnt/shared");
        assert_eq!(paths.config_dir(), Path::new("/mnt/shared"));
    }
}
