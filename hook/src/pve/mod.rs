//! Proxmox as this node sees it: read directly from `/etc/pve` and `/run/qemu-server`, nothing is written.

pub mod conf;
pub mod facts;
pub mod guest;
pub mod qmp;
pub mod tool;
pub mod vmlist;
