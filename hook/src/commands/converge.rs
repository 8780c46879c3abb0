//! `phoenix converge <vmid>`: an existing guest to what it is declared to be.

use super::lifecycle::{self, LifecycleArgs, Verb};
use crate::exit_code::Exit;
use crate::paths::Paths;

/// Makes an existing guest what it is declared to be; says what needs a restart.
#[derive(Debug, clap::Args)]
pub struct ConvergeArgs {
    #[command(flatten)]
    lifecycle: LifecycleArgs,
}

pub fn run(args: &ConvergeArgs, paths: &Paths) -> Exit {
    lifecycle::run(Verb::Converge, &args.lifecycle, paths)
}
