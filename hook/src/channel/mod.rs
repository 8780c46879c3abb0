//! The road into a guest: runs programs there, and on top of that asks `phoenix-guest-agent`, pushes files,
//! installs the agent and runs jobs.

mod ask;
mod error;
mod install;
mod job;
mod package;
mod pct;
mod push;
mod qga;
mod script;

use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;

pub use ask::request;
pub use error::{ChannelError, JobError};
pub use package::{CarriedPackage, PackageError};
pub use pct::PctChannel;
pub use phoenix_common::qga::ExitKind;
pub use push::GuestFile;
pub use qga::QgaChannel;

use crate::paths::Paths;
use crate::pve::guest::vmlist;
use crate::pve::vmlist::Kind;

/// How a guest is reached.
#[derive(Debug, Clone)]
pub enum Channel {
    /// A VM of this node, over QEMU's guest agent socket.
    Qga(QgaChannel),
    /// A container of this node, over `pct exec`.
    Pct(PctChannel),
}

/// A program to run in the guest. Nothing secret in the arguments.
#[derive(Debug, Clone)]
pub struct GuestCommand {
    pub program: String,
    pub arguments: Vec<String>,
    pub stdin: Vec<u8>,
    /// Most output taken, both streams together, in bytes.
    pub output_limit_bytes: usize,
}

/// How a program in the guest ended and what it printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestOutput {
    pub exit: ExitKind,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Channel {
    /// The channel to a VM of this node.
    pub fn to_vm(vmid: Vmid, paths: &Paths) -> Self {
        Self::Qga(QgaChannel::new(vmid, paths))
    }

    /// The channel to a guest of this node, of whatever kind it is there. One that Proxmox does not list (any more) does
    /// not answer as a VM either.
    pub fn to(vmid: Vmid, paths: &Paths) -> Self {
        let list = vmlist(paths).unwrap_or_default();
        let kind = list.get(vmid).map_or(Kind::Qemu, |entry| entry.kind);
        Self::to_guest(vmid, kind, paths)
    }

    /// The channel to a guest of this node.
    pub fn to_guest(vmid: Vmid, kind: Kind, paths: &Paths) -> Self {
        match kind {
            Kind::Qemu => Self::to_vm(vmid, paths),
            Kind::Lxc => Self::Pct(PctChannel::new(vmid, paths)),
        }
    }

    pub fn vmid(&self) -> Vmid {
        match self {
            Self::Qga(channel) => channel.vmid(),
            Self::Pct(channel) => channel.vmid(),
        }
    }

    /// Whether the guest answers and lets programs run; tells why not. Asked before work, since a blocked
    /// `guest-exec` is the operator's business and a silent agent only a matter of time.
    pub async fn probe(&self, deadline: Deadline) -> Result<(), ChannelError> {
        match self {
            Self::Qga(channel) => channel.probe(deadline).await,
            Self::Pct(channel) => channel.probe(deadline).await,
        }
    }

    /// Runs a program to its end. Never repeated by itself.
    pub async fn run(
        &self,
        command: GuestCommand,
        deadline: Deadline,
    ) -> Result<GuestOutput, ChannelError> {
        match self {
            Self::Qga(channel) => channel.run(command, deadline).await,
            Self::Pct(channel) => channel.run(command, deadline).await,
        }
    }
}
