//! `phoenix sync …`: the whole estate, Portainer, or one stack, brought to what is declared.

mod guests;
mod report;
mod scope;
mod work;

use phoenix_common::vmid::Vmid;

use super::{block_on, complain, complain_text};
use crate::context::{Context, ContextError};
use crate::exit_code::Exit;
use crate::paths::Paths;
use crate::progress::Progress;
use scope::Scope;

/// Brings guests, Swarm, Portainer and stacks to what is declared; the plan is shown first.
#[derive(Debug, clap::Args)]
pub struct SyncArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Guests, then the Swarm, then Portainer's own containers, its environments, and all stacks.
    All(Options),
    /// Portainer: its containers, environments and the stacks it deploys.
    Portainer(Options),
    /// One stack, on the guest it is assigned to.
    Stack {
        /// The stack's name, or the one it is deployed under.
        name: String,
        /// The word `to`.
        #[arg(value_parser = ["to"], hide_possible_values = true)]
        to: String,
        /// The guest.
        vmid: Vmid,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, Clone, clap::Args)]
struct Options {
    /// Show the plan and end: 3 when there is something to do.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before containers are removed.
    #[arg(long)]
    yes: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
    /// Give up after so many seconds (default: `converge_deadline_seconds` of the configuration).
    #[arg(long, value_name = "SECONDS", value_parser = super::run::deadline_seconds())]
    deadline: Option<u64>,
}

pub fn run(args: &SyncArgs, paths: &Paths) -> Exit {
    let (context, options) = match &args.what {
        What::All(options) | What::Portainer(options) => (Context::load(paths), options),
        What::Stack { vmid, options, .. } => (Context::load_for(paths, *vmid), options),
    };
    let context = match context {
        Ok(context) => context,
        Err(error) => {
            complain(&error);
            return match error {
                ContextError::Package(_) => Exit::Failed,
                _ => Exit::Usage,
            };
        }
    };
    let scope = match &args.what {
        What::All(_) => Ok(Scope::all(&context)),
        What::Portainer(_) => Scope::portainer(&context),
        What::Stack { name, vmid, .. } => Scope::stack(&context, name, *vmid),
    };
    let scope = match scope {
        Ok(scope) => scope,
        Err(error) => {
            complain(&error);
            return Exit::Usage;
        }
    };
    let progress = Progress::for_operator();
    let work = work::Sync {
        context: &context,
        scope: &scope,
        options,
        progress: &progress,
    };
    let exit = block_on(async {
        tokio::select! {
            exit = work.run() => exit,
            Ok(()) = tokio::signal::ctrl_c() => {
                complain_text("interrupted; what has begun inside guests and in Portainer goes on");
                Exit::Interrupted
            }
        }
    });
    progress.finish();
    exit
}
