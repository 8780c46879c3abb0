//! NFS volumes as systemd's mount units, mounted and proven before Docker starts containers.
//!
//! Invariant: fail closed. Docker and containerd require the mounts, so that a server that is away keeps
//! containers from starting; the bare folder under a mount takes no file; `phoenix-volumes.service` mounts again
//! until it succeeds and starts Docker then, without Phoenix.

mod bare;
pub mod error;
pub mod execute;
mod mount_table;
pub mod observe;
pub mod observed;
pub mod plan;
pub mod refusal;
mod systemctl;
pub mod unit;
mod unit_name;
mod users;
