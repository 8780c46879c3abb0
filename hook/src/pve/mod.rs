//! Proxmox: its files and sockets on this node, read directly, and its API.

pub mod api;
pub mod conf;
pub mod drive;
pub mod facts;
pub mod guest;
pub mod percent;
pub mod qmp;
pub mod tool;
pub mod vmlist;
