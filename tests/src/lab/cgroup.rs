//! The cgroup of a machine, in the three worlds a host may live in.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use phoenix_common::retry::Deadline;

use super::error::LabError;
use super::run::Run;

const ROOT: &str = "/sys/fs/cgroup";
/// Hierarchies a machine's systemd uses on cgroup v1.
const V1: [&str; 9] = [
    "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd",
];
const SLICE: &str = "phoenixlab.slice";

/// How this host arranges cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// v1 or hybrid: a folder in every hierarchy.
    V1,
    /// cgroup2 only, systemd is pid 1: a delegated transient scope.
    V2Scope,
    /// cgroup2 only, no systemd: a plain folder.
    V2Folder,
}

/// The cgroup of one machine.
#[derive(Debug, Clone)]
pub(super) struct Cgroup {
    world: World,
    name: String,
}

impl World {
    /// # Errors
    /// Neither v1 with all controllers nor cgroup2: the reason.
    pub fn probe() -> Result<Self, String> {
        if Path::new(ROOT).join("cgroup.controllers").exists() {
            return Ok(if Path::new("/run/systemd/system").exists() {
                Self::V2Scope
            } else {
                Self::V2Folder
            });
        }
        match V1.iter().find(|name| !Path::new(ROOT).join(name).is_dir()) {
            None => Ok(Self::V1),
            Some(name) => Err(format!(
                "no cgroup2 and no cgroup v1 hierarchy {ROOT}/{name}"
            )),
        }
    }
}

impl Cgroup {
    pub(super) fn new(world: World, lab: &str, machine: &str) -> Self {
        Self {
            world,
            name: format!("phoenixlab-{lab}-{machine}"),
        }
    }

    /// Makes it and sets the machine's memory limit.
    pub(super) fn create(&self, memory_bytes: Option<u64>) -> Result<(), LabError> {
        match self.world {
            World::V1 => self.create_v1(memory_bytes),
            World::V2Folder => self.create_folder(memory_bytes),
            // The scope is made with the process that starts the machine.
            World::V2Scope => Ok(()),
        }
    }

    fn create_v1(&self, memory_bytes: Option<u64>) -> Result<(), LabError> {
        for folder in self.folders() {
            fs::create_dir_all(&folder).map_err(LabError::path("create", &folder))?;
        }
        let cpuset = Path::new(ROOT).join("cpuset");
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let value = fs::read(cpuset.join(file)).map_err(LabError::path("read", &cpuset))?;
            put(&cpuset.join(&self.name).join(file), &value)?;
        }
        let Some(bytes) = memory_bytes else {
            return Ok(());
        };
        let limit = Path::new(ROOT).join("memory").join(&self.name);
        put(
            &limit.join("memory.limit_in_bytes"),
            bytes.to_string().as_bytes(),
        )
    }

    fn create_folder(&self, memory_bytes: Option<u64>) -> Result<(), LabError> {
        let folder = self.v2_folder();
        fs::create_dir_all(&folder).map_err(LabError::path("create", &folder))?;
        for parent in [Path::new(ROOT), &Path::new(ROOT).join("phoenixlab")] {
            let offered = fs::read_to_string(parent.join("cgroup.controllers")).unwrap_or_default();
            for controller in offered.split_whitespace() {
                // A controller with real-time processes elsewhere cannot be handed out.
                let _ = fs::write(
                    parent.join("cgroup.subtree_control"),
                    format!("+{controller}"),
                );
            }
        }
        let Some(bytes) = memory_bytes else {
            return Ok(());
        };
        put(&folder.join("memory.max"), bytes.to_string().as_bytes())
    }

    /// What stands before the command that starts the machine.
    pub(super) fn prefix(&self, memory_bytes: Option<u64>) -> Vec<OsString> {
        if self.world != World::V2Scope {
            return Vec::new();
        }
        let mut words: Vec<OsString> = ["systemd-run", "--quiet", "--scope", "--collect"]
            .map(OsString::from)
            .to_vec();
        words.push(format!("--slice={SLICE}").into());
        words.push(format!("--unit={}", self.scope()).into());
        for property in [
            "Delegate=yes",
            "TasksMax=infinity",
            "KillSignal=SIGKILL",
            "TimeoutStopSec=5",
        ] {
            words.push(format!("--property={property}").into());
        }
        if let Some(bytes) = memory_bytes {
            words.push(format!("--property=MemoryMax={bytes}").into());
        }
        words.push("--".into());
        words
    }

    /// For the start script: which world, and the folders to enter.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let world = match self.world {
            World::V1 => "v1",
            World::V2Scope => "scope",
            World::V2Folder => "folder",
        };
        let folders: Vec<String> = self
            .folders()
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        vec![
            ("LAB_CGROUP", world.to_owned()),
            ("LAB_CGROUP_FOLDERS", folders.join(" ")),
            ("LAB_V1", V1.join(" ")),
        ]
    }

    /// The folder whose limits hold for the whole machine (memory's, on v1).
    pub(super) fn memory_folder(&self) -> PathBuf {
        match self.world {
            World::V1 => Path::new(ROOT).join("memory").join(&self.name),
            World::V2Scope | World::V2Folder => self.v2_folder(),
        }
    }

    /// Freezes or thaws the whole machine.
    pub(super) fn freeze(&self, frozen: bool) -> Result<(), LabError> {
        if self.world == World::V1 {
            let folder = Path::new(ROOT).join("freezer").join(&self.name);
            if !folder.exists() {
                return Ok(());
            }
            let state = if frozen { "FROZEN" } else { "THAWED" };
            return put(&folder.join("freezer.state"), state.as_bytes());
        }
        let state = if frozen { "1" } else { "0" };
        put(&self.v2_folder().join("cgroup.freeze"), state.as_bytes())
    }

    /// Ends what is left in it and removes it; the machine's pid 1 is dead already.
    pub(super) fn remove(&self) -> Result<(), LabError> {
        let deadline = Deadline::after(Duration::from_secs(10));
        for folder in self.folders() {
            // Whatever entered from outside the pid namespace (cgroup2 only).
            let _ = fs::write(folder.join("cgroup.kill"), "1");
            while folder.exists() {
                remove_empty(&folder);
                if deadline.has_passed() {
                    return Err(LabError::path("remove", &folder)(
                        std::io::ErrorKind::ResourceBusy.into(),
                    ));
                }
                std::thread::sleep(Duration::from_millis(3));
            }
        }
        match self.world {
            World::V1 => {}
            // The last lab removes the shared parent, others find it busy.
            World::V2Folder => drop(fs::remove_dir(Path::new(ROOT).join("phoenixlab"))),
            World::V2Scope => drop(Run::new(["systemctl", "reset-failed", &self.scope()]).run()),
        }
        Ok(())
    }

    fn scope(&self) -> String {
        format!("{}.scope", self.name)
    }

    fn v2_folder(&self) -> PathBuf {
        match self.world {
            World::V2Scope => Path::new(ROOT).join(SLICE).join(self.scope()),
            World::V1 | World::V2Folder => Path::new(ROOT).join("phoenixlab").join(&self.name),
        }
    }

    fn folders(&self) -> Vec<PathBuf> {
        if self.world != World::V1 {
            return vec![self.v2_folder()];
        }
        // Hybrid hosts: the machine's systemd uses the unified hierarchy too.
        let unified = Path::new(ROOT).join("unified");
        let all = V1.iter().map(|name| Path::new(ROOT).join(name));
        all.chain(unified.is_dir().then_some(unified))
            .map(|hierarchy| hierarchy.join(&self.name))
            .collect()
    }
}

fn put(file: &Path, value: &[u8]) -> Result<(), LabError> {
    fs::write(file, value).map_err(LabError::path("write", file))
}

/// Depth first; folders with processes in them stay for the next try.
fn remove_empty(folder: &Path) {
    if let Ok(entries) = fs::read_dir(folder) {
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove_empty(&entry.path());
            }
        }
    }
    let _ = fs::remove_dir(folder);
}
