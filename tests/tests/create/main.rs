//! `phoenix create` and `converge` against Proxmox as recorded: the tools on a node, and REST.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod deletion;
mod estate;
mod faults;
mod killed;
mod lets_go;
mod node;
mod rest;
mod seed;
