//! What was seen of the machine.

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;

use crate::pve::conf::GuestConf;
use crate::pve::vmlist::Kind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineState {
    /// No node has it; what it can be made from.
    Absent(Template),
    /// On a node that this process does not act on.
    OtherNode(String),
    Present(Box<Machine>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Template {
    NotDeclared,
    Missing(Vmid),
    OtherNode {
        vmid: Vmid,
        node: String,
    },
    Container(Vmid),
    Here {
        vmid: Vmid,
        node: String,
        conf: Box<GuestConf>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub node: String,
    pub kind: Kind,
    pub conf: GuestConf,
    pub power: Power,
    /// Whether a task that makes guests works on this node; only looked at under a lock of such a task.
    pub creation_goes_on: Observed<bool>,
    /// Whether we may remove a guest under a lock (`root@pam` only).
    pub may_pass_lock: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Power {
    Stopped,
    Running,
    /// QEMU is there, the guest is not: `prelaunch`, `inmigrate`, `paused`.
    Other(String),
}
