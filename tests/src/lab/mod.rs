//! The lab: light guests (namespaces, real systemd, real qemu-ga, own dockerd), a registry, and a
//! fake Proxmox node, up in seconds and gone without a trace.
//!
//! ```no_run
//! use phoenix_tests::lab::{Lab, LabSpec, Suite::Bookworm};
//! let lab = Lab::up(&LabSpec::new().guest(1001, Bookworm).guest(1002, Bookworm))?;
//! lab.guest(1001).docker("swarm init --advertise-addr 192.168.77.11")?;
//! lab.guest(1002).kill()?;
//! # Ok::<(), phoenix_tests::lab::LabError>(())
//! ```

mod agent_double;
mod agent_faults;
mod apt_sources;
pub(crate) mod cache;
mod cgroup;
pub mod control;
mod docker_proxy;
mod error;
mod exec;
mod handle;
mod host;
mod http;
mod http_requests;
mod image;
mod kernel;
mod layout;
mod load;
mod machine;
mod network;
mod nginx;
mod node;
mod portainer_image;
mod portainer_tools;
mod power;
mod process;
pub(crate) mod pve_files;
mod python;
mod qga;
mod qmp;
mod registry;
mod relay;
mod run;
mod serve;
mod sockets;
mod spec;
mod suite;
mod tree;
mod unpacked;
mod up;

use std::process::Child;
use std::time::Duration;

pub use agent_double::AgentDouble;
pub use agent_faults::HostileAgent;
pub use cgroup::World;
pub use error::LabError;
pub use handle::Guest;
pub use host::{check, prepare};
pub use http::HttpAnswer;
pub(crate) use http::parse as parse_answer;
pub use layout::Layout;
pub use load::{Load, Report};
pub use nginx::Nginx;
pub use node::{Node, packages};
pub use portainer_tools::portainer_tools;
pub use process::Process;
pub use pve_files::HOOKSCRIPT;
pub use python::python_environment;
pub use qga::QgaConnection;
pub use registry::{REGISTRY, registry_program};
pub use run::{Ran, Run};
pub use serve::serve;
pub use spec::{GATEWAY, GuestSpec, LabSpec, NODE_NAME, NodeSpec};
pub use suite::Suite;
pub use tree::tree;
pub use up::{down, fill_cache, list, program};

use http::HttpRequest;
use machine::Hardware;

use crate::doubles::pve::Phase;

/// A lab that is up. One made by [`Lab::up`] goes down when this is dropped, and also when the
/// process that holds it dies.
#[derive(Debug)]
pub struct Lab {
    layout: Layout,
    /// The lab's process, when this handle owns it.
    process: Option<Child>,
}

impl Lab {
    /// Brings a lab up under a fresh id; returns when the started guests' agents and dockerds answer.
    ///
    /// # Errors
    /// [`LabError::Unusable`] where this machine cannot hold it; anything that failed on the way.
    pub fn up(spec: &LabSpec) -> Result<Self, LabError> {
        let layout = Layout::of(&up::fresh_id())?;
        let process = up::start(&layout, spec, true)?;
        let lab = Self {
            layout,
            process: Some(process),
        };
        lab.wait_ready()?;
        Ok(lab)
    }

    /// Brings a lab up that outlives this process, until [`down`].
    ///
    /// # Errors
    /// As [`Self::up`]; [`LabError::AlreadyUp`].
    pub fn up_detached(id: &str, spec: &LabSpec) -> Result<Self, LabError> {
        let layout = Layout::of(id)?;
        let mut process = up::start(&layout, spec, false)?;
        // It is not ours to wait for, but for its exit code as long as we live.
        std::thread::spawn(move || process.wait());
        let lab = Self {
            layout,
            process: None,
        };
        lab.wait_ready()?;
        Ok(lab)
    }

    /// A lab that is up already; dropping the handle leaves it so.
    ///
    /// # Errors
    /// [`LabError::NoLab`].
    pub fn attach(id: &str) -> Result<Self, LabError> {
        let layout = Layout::of(id)?;
        match up::process(&layout) {
            Some(_) => Ok(Self {
                layout,
                process: None,
            }),
            None => Err(LabError::NoLab { id: id.to_owned() }),
        }
    }

    /// For tests: the lab, or none with a printed line where this machine cannot hold one (an
    /// error when `PHOENIX_LAB_REQUIRED` is set).
    ///
    /// # Panics
    /// The lab could be held here but did not come up.
    #[expect(clippy::panic, clippy::print_stderr, reason = "the entry of tests")]
    pub fn for_test(spec: &LabSpec) -> Option<Self> {
        match Self::up(spec) {
            Ok(lab) => Some(lab),
            Err(LabError::Unusable(reason))
                if std::env::var_os("PHOENIX_LAB_REQUIRED").is_none() =>
            {
                eprintln!("skipped: the lab cannot run here: {reason}");
                None
            }
            Err(error) => panic!("no lab: {}", phoenix_common::log::Chain(&error)),
        }
    }

    pub fn id(&self) -> &str {
        self.layout.id()
    }

    /// Where all of it lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A machine by its vmid or, for the node, its name.
    ///
    /// # Errors
    /// [`LabError::NoMachine`].
    pub fn machine(&self, name: &str) -> Result<Guest, LabError> {
        let machines = up::record(&self.layout).map(|record| record.spec.machines());
        let found = machines
            .into_iter()
            .flatten()
            .find(|machine| machine.name == name);
        let machine = found.ok_or_else(|| LabError::NoMachine {
            machine: name.to_owned(),
        })?;
        let world = World::probe().map_err(LabError::Unusable)?;
        Ok(Guest {
            hardware: Hardware::new(machine, &self.layout, world),
        })
    }

    /// # Panics
    /// The lab has no such guest: a mistake in the test.
    #[expect(clippy::panic, reason = "prose in tests")]
    pub fn guest(&self, vmid: u32) -> Guest {
        match self.machine(&vmid.to_string()) {
            Ok(guest) => guest,
            Err(error) => panic!("{error}"),
        }
    }

    /// The fake Proxmox node.
    ///
    /// # Panics
    /// The lab has none: a mistake in the test.
    #[expect(clippy::panic, reason = "prose in tests")]
    pub fn node(&self) -> Node {
        match self.machine(NODE_NAME) {
            Ok(node) => Node(node),
            Err(error) => panic!("{error}"),
        }
    }

    /// One phase of a guest's hookscript, called as Proxmox does: `lab.event(1002, Phase::PostStart)`.
    ///
    /// # Errors
    /// The node is off.
    pub fn event(&self, vmid: u32, phase: Phase) -> Result<Ran, LabError> {
        self.node().event(vmid, phase)
    }

    /// Every machine, the node first.
    pub fn machines(&self) -> Vec<Guest> {
        let machines = up::record(&self.layout).map(|record| record.spec.machines());
        let names = machines.into_iter().flatten().map(|machine| machine.name);
        names.filter_map(|name| self.machine(&name).ok()).collect()
    }

    fn wait_ready(&self) -> Result<(), LabError> {
        for machine in self.machines() {
            if !machine.hardware.machine.started {
                continue;
            }
            if machine.hardware.machine.vmid.is_some() {
                machine.wait_agent()?;
            }
            if machine.hardware.machine.docker {
                machine.wait_docker()?;
            }
            machine.wait_running()?;
        }
        self.install_packages()
    }

    fn install_packages(&self) -> Result<(), LabError> {
        let node = up::record(&self.layout).and_then(|record| record.spec.node);
        for package in node.into_iter().flat_map(|node| node.packages) {
            self.node().install(&package)?;
        }
        Ok(())
    }

    /// GET from inside the lab's network: `lab.http_get("192.168.77.12:8080")`.
    ///
    /// # Errors
    /// Nobody answers within 5 s.
    pub fn http_get(&self, url: &str) -> Result<HttpAnswer, LabError> {
        HttpRequest::get(url).send_from(self.pid()?)
    }

    /// A program run inside the lab's network, on the host.
    ///
    /// # Errors
    /// The lab is gone.
    pub fn in_network(&self, argv: &[&str]) -> Result<Run, LabError> {
        let pid = self.pid()?.to_string();
        Ok(Run::new(["nsenter", "-t", &pid, "-n", "--"]).args(argv))
    }

    /// The process that holds the lab.
    ///
    /// # Errors
    /// [`LabError::NoLab`] when it is dead.
    pub fn server_process(&self) -> Result<Process, LabError> {
        up::process(&self.layout).ok_or_else(|| LabError::NoLab {
            id: self.id().to_owned(),
        })
    }

    fn pid(&self) -> Result<u32, LabError> {
        Ok(self.server_process()?.pid)
    }

    /// Asks the lab's process.
    ///
    /// # Errors
    /// It refuses or does not answer within two minutes.
    pub fn ask(&self, request: &control::Request) -> Result<control::Reply, LabError> {
        control::ask(&self.layout.control(), request, Duration::from_mins(2))
    }

    /// Takes it down; dropping an owned lab does the same, without telling of failures.
    ///
    /// # Errors
    /// Something could not be removed.
    pub fn down(mut self) -> Result<(), LabError> {
        if let Some(process) = self.process.take() {
            up::wait_end(process);
        }
        down(&self.layout)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            up::wait_end(process);
            let _ = down(&self.layout);
        }
    }
}
