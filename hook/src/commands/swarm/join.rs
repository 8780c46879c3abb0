//! `phoenix swarm join VMID`: what a start does about the guest's membership, and nothing about its stacks.

use phoenix_common::vmid::Vmid;

use super::member::{self, Way};
use crate::exit_code::Exit;
use crate::paths::Paths;

/// Brings a guest into its Swarm in its declared role, with its labels. Stacks are left alone.
#[derive(Debug, clap::Args)]
pub(super) struct JoinArgs {
    /// The guest.
    pub vmid: Vmid,
}

pub(super) fn run(args: &JoinArgs, paths: &Paths) -> Exit {
    match super::load_for(paths, args.vmid) {
        Ok(context) => member::run(&context, args.vmid, Way::Join),
        Err(exit) => exit,
    }
}
