//! Where a lab keeps its things.

use std::path::{Path, PathBuf};

use phoenix_common::vmid::Vmid;

use super::cache;
use super::error::LabError;

/// The folder of one lab: `<PHOENIX_LAB_DIR, else cache>/labs/<id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    folder: PathBuf,
    id: String,
}

/// The folder of one machine in it.
#[derive(Debug, Clone)]
pub(super) struct MachineLayout(PathBuf);

impl Layout {
    /// # Errors
    /// [`LabError::BadId`]: ids stand in names of cgroups and in paths of sockets.
    pub fn of(id: &str) -> Result<Self, LabError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !(1..=12).contains(&id.len()) || !id.bytes().all(fits) {
            return Err(LabError::BadId { id: id.to_owned() });
        }
        Ok(Self {
            folder: Self::all().join(id),
            id: id.to_owned(),
        })
    }

    /// The folder of all labs.
    pub fn all() -> PathBuf {
        std::env::var_os("PHOENIX_LAB_DIR")
            .map_or_else(cache::folder, PathBuf::from)
            .join("labs")
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The spec and the pid of the lab's process.
    pub(super) fn record(&self) -> PathBuf {
        self.folder.join("lab.json")
    }

    /// What the lab's process prints.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("lab.log")
    }

    /// Bind-mounted into the node as `/run/lab-control`.
    pub(super) fn control_folder(&self) -> PathBuf {
        self.folder.join("control")
    }

    pub(super) fn control(&self) -> PathBuf {
        self.control_folder().join("socket")
    }

    pub(super) fn registry(&self) -> PathBuf {
        self.folder.join("registry")
    }

    /// The node's `/etc/pve`.
    pub(super) fn etc_pve(&self) -> PathBuf {
        self.folder.join("node/etc-pve")
    }

    /// The node's `/run/qemu-server`.
    pub(super) fn run_qemu_server(&self) -> PathBuf {
        self.folder.join("node/run/qemu-server")
    }

    /// The guest's socket as QEMU would make it.
    pub(super) fn qga(&self, vmid: Vmid) -> PathBuf {
        self.run_qemu_server().join(format!("{vmid}.qga"))
    }

    pub(super) fn machine(&self, name: &str) -> MachineLayout {
        MachineLayout(self.folder.join("m").join(name))
    }
}

impl MachineLayout {
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// Shared with the machine as `/run/lab`: its agent's and dockerd's sockets.
    pub(super) fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// Pid file of the process that waits for the machine (`unshare`).
    pub(super) fn outer(&self) -> PathBuf {
        self.0.join("outer.pid")
    }

    /// The host's pid of the machine's pid 1, written by the machine itself.
    pub(super) fn init(&self) -> PathBuf {
        self.0.join("init.pid")
    }

    pub(super) fn console(&self) -> PathBuf {
        self.0.join("console.log")
    }

    /// Every question to an agent that is only played, a line each: `facts`.
    pub(super) fn agent_requests(&self) -> PathBuf {
        self.0.join("agent-requests.log")
    }

    /// Every request through the recording proxy, a line each: `POST /v1.41/services/create`.
    pub(super) fn docker_requests(&self) -> PathBuf {
        self.0.join("docker-requests.log")
    }
}
