//! `phoenix create <vmid>`: a guest from its template to converged.

use super::lifecycle::{self, LifecycleArgs, Verb};
use crate::exit_code::Exit;
use crate::paths::Paths;

/// Makes a guest from its template, starts it and sets it up; goes on where a former run ended.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    #[command(flatten)]
    lifecycle: LifecycleArgs,
}

pub fn run(args: &CreateArgs, paths: &Paths) -> Exit {
    lifecycle::run(Verb::Create, &args.lifecycle, paths)
}
