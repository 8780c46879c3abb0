//! A guest as the configuration wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use crate::spec::{BaseSetupSpec, FileOwner};
use crate::vmid::Vmid;
use crate::wire::SwarmRole;

/// One guest of `phoenix_vm_configs.json`, defaulted and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    pub vmid: Vmid,
    pub name: String,
    pub kind: GuestKind,
    pub clone_from_vmid: Option<Vmid>,
    pub cores: Option<u32>,
    pub memory_mib: Option<u32>,
    pub disk_size_gib: Option<u32>,
    pub start_at_boot: bool,
    /// Lower starts first; guests without one come last.
    pub boot_order: Option<u32>,
    pub network: Option<Network>,
    pub features: Features,
    /// What feature `base_setup` shall establish; empty when nothing is declared.
    pub base_setup: BaseSetupSpec,
    pub swarm: Option<SwarmMember>,
    pub portainer_role: Option<PortainerRole>,
    pub volumes: Vec<Volume>,
    pub compose_files: Vec<ComposeFile>,
    pub stacks: Vec<StackAssignment>,
    /// Where the entry stands.
    pub origin: Origin,
    /// The keys that the entry spells out.
    pub declared_keys: BTreeSet<String>,
}

/// What Proxmox calls the guest: `qemu` or `lxc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestKind {
    Vm,
    Container,
}

/// A static address, as cloud-init's `ipconfig0` gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Address with prefix length (`10.0.0.102/24`).
    pub address: IpNet,
    pub gateway: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    pub base_setup: bool,
    pub docker: bool,
}

/// What the guest is in its Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmMember {
    /// Key of the Swarm the guest belongs to.
    pub name: String,
    pub role: SwarmRole,
    /// From `node_labels`.
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortainerRole {
    /// Runs the Portainer server; `server` in the file means the same.
    Primary,
    Agent,
}

/// An NFS share mounted in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    /// Folder on the server.
    pub path: String,
    /// Absolute folder in the guest.
    pub mount_point: String,
    /// The volume's own, else the hypervisor's `nfs_server`. `None` is a finding of the plan, no load error.
    pub server: Option<String>,
    /// Complete: the declared ones over the defaults.
    pub options: String,
}

/// A file that is copied into the guest's persistent storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeFile {
    /// Absolute path on the hypervisor.
    pub source: PathBuf,
    /// Absolute path in the guest, under a mount point.
    pub destination: String,
    /// Permission bits.
    pub mode: u32,
    /// `None`: whoever the volume's server makes the owner.
    pub owner: Option<FileOwner>,
    /// Only provision it; the operator makes the stack in Portainer's web editor.
    pub manual: bool,
    pub origin: Origin,
}

/// A stack assigned to a guest by `docker_stacks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackAssignment {
    /// Key of the stack in [`super::Config::stacks`].
    pub name: String,
    pub environment: String,
    /// The name it runs under: `as`, or `<environment>_<stack>` on a Swarm, or the stack's name.
    pub deployed_name: String,
    pub deployer: Deployer,
    /// The operator deploys it by hand.
    pub manual: bool,
    pub origin: Origin,
}

/// Who brings a stack up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deployer {
    /// The guest agent, through a Swarm manager.
    Swarm,
    /// Portainer's API.
    Portainer,
}

impl Guest {
    /// Whether the guest manages a Swarm.
    pub fn is_manager(&self) -> bool {
        matches!(&self.swarm, Some(member) if member.role == SwarmRole::Manager)
    }
}
