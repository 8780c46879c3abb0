//! `phoenix swarm init VMID`: starts the Swarm on that guest, though other manager guests cannot be seen.

use phoenix_common::vmid::Vmid;

use super::member::{self, Way};
use crate::exit_code::Exit;
use crate::paths::Paths;

/// Starts the Swarm on a manager guest. A run does it by itself once every manager guest has been seen;
/// this is the way past those that are gone.
#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// The manager guest.
    pub vmid: Vmid,
}

pub(super) fn run(args: &InitArgs, paths: &Paths) -> Exit {
    match super::load_for(paths, args.vmid) {
        Ok(context) => member::run(&context, args.vmid, Way::Init),
        Err(exit) => exit,
    }
}
