//! Starting and ending one light machine: namespaces, an overlay root, real systemd.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use phoenix_common::retry::Deadline;
use tokio::process::{Child, Command};

use super::cache;
use super::cgroup::{Cgroup, World};
use super::error::LabError;
use super::layout::{Layout, MachineLayout};
use super::network;
use super::process::Process;
use super::spec::{GATEWAY, Machine};
use super::tree;

const SCRIPT: &str = include_str!("machine_init.sh");

/// A machine and all that belongs to it on this host.
#[derive(Debug, Clone)]
pub(super) struct Hardware {
    pub(super) machine: Machine,
    pub(super) layout: Layout,
    pub(super) place: MachineLayout,
    cgroup: Cgroup,
}

impl Hardware {
    pub(super) fn new(machine: Machine, layout: &Layout, world: World) -> Self {
        Self {
            place: layout.machine(&machine.name),
            cgroup: Cgroup::new(world, layout.id(), &machine.name),
            layout: layout.clone(),
            machine,
        }
    }

    /// Powers it on; returns when its systemd runs as pid 1. Files of an earlier run are kept.
    pub(super) async fn start(&self) -> Result<(Child, Process), LabError> {
        let tree = tree::tree(self.machine.suite)?;
        self.make_folders()?;
        self.cgroup.create(self.machine.memory_bytes)?;
        let child = self.spawn(&tree)?;
        let outer = child
            .id()
            .and_then(Process::of)
            .ok_or_else(|| self.wrong("died at once"))?;
        outer.record(&self.place.outer())?;
        let hardware = self.clone();
        blocking(move || hardware.plug_and_wait(outer)).await?;
        Ok((child, outer))
    }

    fn plug_and_wait(&self, outer: Process) -> Result<(), LabError> {
        network::plug(&self.machine.name, outer)?;
        let deadline = Deadline::after(Duration::from_secs(30));
        loop {
            if let Some(init) = self.init() {
                let name = fs::read_to_string(format!("/proc/{}/comm", init.pid));
                if name.is_ok_and(|name| name.trim() == "systemd") {
                    return Ok(());
                }
            }
            if deadline.has_passed() || !outer.is_alive() {
                let console = fs::read_to_string(self.place.console()).unwrap_or_default();
                let last = console.lines().last().unwrap_or("nothing on its console");
                return Err(self.wrong(format!("does not come up: {last}")));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn make_folders(&self) -> Result<(), LabError> {
        for name in ["upper", "work", "root", "run", "docker", "containerd"] {
            let folder = self.place.folder().join(name);
            fs::create_dir_all(&folder).map_err(LabError::path("create", &folder))?;
        }
        for stale in [self.place.init(), self.place.outer()] {
            let _ = fs::remove_file(stale);
        }
        let script = self.script();
        fs::write(&script, SCRIPT).map_err(LabError::path("write", &script))
    }

    fn spawn(&self, tree: &Path) -> Result<Child, LabError> {
        let console = self.place.console();
        let log = fs::File::create(&console).map_err(LabError::path("create", &console))?;
        let errors = log.try_clone().map_err(LabError::path("open", &console))?;
        let mut words = self.cgroup.prefix(self.machine.memory_bytes);
        words.extend(["bash", "--norc"].map(OsString::from));
        words.push(self.script().into());
        words.push("outer".into());
        let (program, arguments) = words.split_at(1);
        Command::new(&program[0])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.environment(tree))
            .envs(self.cgroup.environment())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|source| LabError::Spawn {
                command: format!("the start script of {}", self.machine.name),
                source,
            })
    }

    fn environment(&self, tree: &Path) -> Vec<(&'static str, OsString)> {
        let masked = if self.machine.docker {
            ""
        } else {
            "docker.service docker.socket containerd.service"
        };
        vec![
            ("LAB_SCRIPT", self.script().into()),
            ("LAB_FOLDER", self.place.folder().into()),
            ("LAB_TREE", tree.into()),
            ("LAB_HOSTNAME", self.machine.hostname.clone().into()),
            ("LAB_ADDRESS", self.machine.address.to_string().into()),
            ("LAB_GATEWAY", GATEWAY.to_string().into()),
            ("LAB_MASKED", masked.into()),
            ("LAB_BINDS", self.binds().into()),
        ]
    }

    /// `from:to` words: what of the lab's folder the machine sees, and where.
    fn binds(&self) -> String {
        let place = self.place.folder();
        let mut binds = vec![
            (place.join("docker"), "/var/lib/docker"),
            (place.join("containerd"), "/var/lib/containerd"),
        ];
        if self.machine.vmid.is_none() {
            binds.push((self.layout.etc_pve(), "/etc/pve"));
            binds.push((self.layout.run_qemu_server(), "/run/qemu-server"));
            binds.push((self.layout.control_folder(), "/run/lab-control"));
        }
        let word = |(from, to): &(PathBuf, &str)| format!("{}:{to}", from.display());
        binds.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    /// The power cut: no unmounting, no goodbye. Files stay for the next start.
    pub(super) fn kill(&self) -> Result<(), LabError> {
        let (init, outer) = (self.init(), self.outer());
        // First the cable: else the dying processes close their connections, which no power cut does.
        network::unplug(&self.machine.name);
        // The machine's pid 1 takes its whole pid namespace with it.
        if let Some(init) = init {
            init.kill()?;
        }
        let Some(outer) = outer else { return Ok(()) };
        // It ends by itself once it has reaped pid 1, which else stays a zombie.
        let deadline = Deadline::after(Duration::from_secs(2));
        while init.is_some() && outer.is_alive() && !deadline.has_passed() {
            std::thread::sleep(Duration::from_millis(2));
        }
        outer.kill()
    }

    /// Removes what a machine that has ended leaves on the host, but for its files.
    pub(super) fn sweep(&self) -> Result<(), LabError> {
        network::unplug(&self.machine.name);
        for file in [self.place.init(), self.place.outer()] {
            let _ = fs::remove_file(file);
        }
        let _ = fs::remove_file(self.place.run().join("qga.sock"));
        self.cgroup.remove()
    }

    /// Stops every process of it where it is, or lets all go on.
    pub(super) fn freeze(&self, frozen: bool) -> Result<(), LabError> {
        self.cgroup.freeze(frozen)
    }

    pub(super) fn init(&self) -> Option<Process> {
        Process::recorded(&self.place.init())
    }

    fn outer(&self) -> Option<Process> {
        Process::recorded(&self.place.outer())
    }

    /// The folder whose memory limit holds for the whole machine.
    pub(super) fn memory_folder(&self) -> PathBuf {
        self.cgroup.memory_folder()
    }

    fn script(&self) -> PathBuf {
        self.place.folder().join("start.sh")
    }

    pub(super) fn wrong(&self, wrong: impl Into<String>) -> LabError {
        LabError::machine(&self.machine.name, wrong)
    }
}

/// Runs what blocks beside the relays.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LabError> + Send + 'static,
) -> Result<T, LabError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(LabError::Control(format!(
            "a task of the lab failed: {error}"
        ))),
    }
}

/// Ends every machine of a lab and removes all it left; for the lab's process at its end, and for
/// whoever finds a lab whose process is dead.
pub(super) fn tear_down(layout: &Layout, machines: Vec<Machine>) -> Result<(), LabError> {
    if let Ok(world) = World::probe() {
        let all: Vec<_> = machines
            .into_iter()
            .map(|machine| Hardware::new(machine, layout, world))
            .collect();
        for hardware in &all {
            hardware.kill()?;
        }
        for hardware in &all {
            hardware.sweep()?;
        }
    }
    cache::remove(layout.folder())
}
