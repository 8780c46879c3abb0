//! What a lab shall hold, in words a test can read.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use phoenix_common::vmid::Vmid;
use serde::{Deserialize, Serialize};

use super::agent_double::AgentDouble;
use super::pve_files::HOOKSCRIPT;
use super::suite::Suite;

/// The lab's own end of its bridge, where the registry listens.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 254);
/// The fake node's name, for Proxmox and as a machine of the lab.
pub const NODE_NAME: &str = "pve1";
const NODE_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 2);

/// A lab to be brought up. Guests get 192.168.77.11, .12, … in the order they are named.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LabSpec {
    pub guests: Vec<GuestSpec>,
    pub node: Option<NodeSpec>,
    /// Names (`name:tag`) under which the registry offers the lab's web image; none: no registry.
    pub images: Vec<String>,
}

/// A light guest, as Proxmox would know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestSpec {
    pub vmid: Vmid,
    pub suite: Suite,
    pub name: String,
    /// None: the next free one of the lab's.
    #[serde(default)]
    pub address: Option<Ipv4Addr>,
    /// Memory limit of the whole guest, in bytes.
    pub memory_bytes: Option<u64>,
    /// Whether it starts with the lab; otherwise `qm start` or [`super::Guest::start`] starts it.
    pub started: bool,
    /// Whether its dockerd is enabled.
    pub docker: bool,
    /// Only its agent is played; nothing boots.
    #[serde(default)]
    pub double: Option<AgentDouble>,
    /// Further lines of its Proxmox configuration.
    pub config_lines: Vec<String>,
}

/// The fake Proxmox node.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Packages (`.deb`) installed by `dpkg -i` when the node is up.
    pub packages: Vec<PathBuf>,
}

impl LabSpec {
    pub fn new() -> Self {
        Self::default()
    }

    /// A guest that starts with the lab.
    #[must_use]
    pub fn guest(self, vmid: u32, suite: Suite) -> Self {
        self.guest_with(GuestSpec::new(vmid, suite))
    }

    #[must_use]
    pub fn guest_with(mut self, guest: GuestSpec) -> Self {
        self.guests.push(guest);
        self
    }

    #[must_use]
    pub fn node(mut self, node: NodeSpec) -> Self {
        self.node = Some(node);
        self
    }

    /// Offers the web image as `192.168.77.254:5000/<name>`.
    #[must_use]
    pub fn image(mut self, name: &str) -> Self {
        self.images.push(name.to_owned());
        self
    }

    /// Every machine, the node first.
    pub(super) fn machines(&self) -> Vec<Machine> {
        let node = self.node.is_some().then(Machine::node);
        let guests = (1..).zip(&self.guests);
        node.into_iter()
            .chain(guests.map(|(index, guest)| Machine::guest(index, guest)))
            .collect()
    }
}

impl GuestSpec {
    /// # Panics
    /// `vmid` is outside Proxmox's range: a mistake in the test.
    #[expect(clippy::expect_used, reason = "a literal in a test")]
    pub fn new(vmid: u32, suite: Suite) -> Self {
        Self {
            vmid: Vmid::new(vmid).expect("a vmid"),
            suite,
            name: format!("vm{vmid}"),
            address: None,
            memory_bytes: None,
            started: true,
            docker: true,
            double: None,
            config_lines: Vec::new(),
        }
    }

    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = Some(bytes);
        self
    }

    /// The guest exists but does not run yet.
    #[must_use]
    pub fn stopped(mut self) -> Self {
        self.started = false;
        self
    }

    /// A template with a 2 GiB disk and a cloud-init drive, as `qm template` leaves one: it never runs itself,
    /// its clones become guests of the lab when they are started.
    #[must_use]
    pub fn template(self) -> Self {
        let vmid = self.vmid;
        self.stopped()
            .config("boot: order=scsi0;ide2")
            .config(&format!(
                "ide2: local:{vmid}/vm-{vmid}-cloudinit.qcow2,media=cdrom"
            ))
            .config(&format!(
                "scsi0: local:{vmid}/base-{vmid}-disk-0.qcow2,size=2G"
            ))
            .config("template: 1")
    }

    /// A container instead of a virtual machine; `privileged`: with the node's own user ids.
    #[must_use]
    pub fn container(self, privileged: bool) -> Self {
        let vmid = self.vmid;
        self.config(&format!(
            "rootfs: local:{vmid}/vm-{vmid}-disk-0.raw,size=4G"
        ))
        .config("features: nesting=1,keyctl=1")
        .config(&format!("unprivileged: {}", u8::from(!privileged)))
    }

    /// A container's configuration is known by its root file system.
    pub(super) fn is_container(&self) -> bool {
        let mut lines = self.config_lines.iter();
        lines.any(|line| line.starts_with("rootfs: "))
    }

    #[must_use]
    pub fn without_docker(mut self) -> Self {
        self.docker = false;
        self
    }

    /// A guest that is only its agent: it starts and stops in no time and does no work.
    #[must_use]
    pub fn played(self, double: AgentDouble) -> Self {
        Self {
            double: Some(double),
            ..self.stopped().without_docker()
        }
    }

    /// Proxmox calls Phoenix for it: the `hookscript` line, as `phoenix register` sets it.
    #[must_use]
    pub fn hooked(self) -> Self {
        self.config(&format!("hookscript: {HOOKSCRIPT}"))
    }

    /// A line of the guest's Proxmox configuration, such as `lock: backup`.
    #[must_use]
    pub fn config(mut self, line: &str) -> Self {
        self.config_lines.push(line.to_owned());
        self
    }
}

impl NodeSpec {
    pub fn new() -> Self {
        Self::default()
    }

    /// Installs this `.deb` on the node.
    #[must_use]
    pub fn package(mut self, deb: impl Into<PathBuf>) -> Self {
        self.packages.push(deb.into());
        self
    }
}

/// A machine of the lab as it is started: a guest or the node.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// The vmid, or [`NODE_NAME`].
    pub(super) name: String,
    pub(super) hostname: String,
    pub(super) address: Ipv4Addr,
    pub(super) suite: Suite,
    pub(super) docker: bool,
    pub(super) memory_bytes: Option<u64>,
    pub(super) started: bool,
    pub(super) vmid: Option<Vmid>,
    pub(super) double: Option<AgentDouble>,
}

impl Machine {
    fn node() -> Self {
        Self {
            name: NODE_NAME.to_owned(),
            hostname: NODE_NAME.to_owned(),
            address: NODE_ADDRESS,
            // Programs built here are run there.
            suite: Suite::of_this_machine(),
            docker: false,
            memory_bytes: None,
            started: true,
            vmid: None,
            double: None,
        }
    }

    fn guest(index: u8, guest: &GuestSpec) -> Self {
        Self {
            name: guest.vmid.to_string(),
            hostname: guest.name.clone(),
            address: guest
                .address
                .unwrap_or(Ipv4Addr::new(192, 168, 77, 10 + index)),
            suite: guest.suite,
            docker: guest.docker,
            memory_bytes: guest.memory_bytes,
            started: guest.started,
            vmid: Some(guest.vmid),
            double: guest.double,
        }
    }
}
