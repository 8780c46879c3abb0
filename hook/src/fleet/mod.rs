//! From nothing to a running guest, one or all of them: the machine by Proxmox, then its inside by the reconcile.

mod guest;
mod machine;
mod removal;

pub use guest::{GuestEnding, GuestRun, Stage};
pub use machine::{MachineEnding, MachineRun};
pub use removal::{RemovalError, RemovalRun, forget};
