//! `phoenix run <vmid> post-start`: the reconcile of a start event, by hand and in the foreground.

use std::time::Duration;

use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;

use super::{block_on, complain, print_json, print_line};
use crate::context::{Context, ContextError};
use crate::exit_code::Exit;
use crate::lock::LockError;
use crate::paths::Paths;
use crate::progress::Progress;
use crate::reconcile::{Ending, Order, ReconcileError, reconcile};
use crate::record::Outcome;

/// Replays a lifecycle event of a guest in the foreground.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The guest.
    pub vmid: Vmid,
    /// The phase to replay.
    #[arg(value_parser = ["post-start"])]
    pub phase: String,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub json: bool,
    /// Give up after so many seconds (default: `converge_deadline_seconds` of the configuration).
    #[arg(long, value_name = "SECONDS")]
    pub deadline: Option<u64>,
}

pub fn run(args: &RunArgs, paths: &Paths) -> Exit {
    let context = match Context::load_for(paths, args.vmid) {
        Ok(context) => context,
        Err(error @ (ContextError::Config { .. } | ContextError::UnknownGuest { .. })) => {
            complain(&error);
            return Exit::Usage;
        }
        Err(error) => {
            complain(&error);
            return Exit::Failed;
        }
    };
    let order = foreground_order(&context, args);
    let progress = Progress::for_operator();
    let result = block_on(reconcile(&context, &order, &progress));
    progress.finish();
    match result {
        Ok(ending) => {
            report(args, &ending);
            exit(&ending)
        }
        Err(error) => {
            complain(&error);
            match error {
                ReconcileError::Lock {
                    source: LockError::Held { .. },
                    ..
                } => Exit::DeadlinePassed,
                _ => Exit::Failed,
            }
        }
    }
}

fn foreground_order(context: &Context, args: &RunArgs) -> Order {
    let hypervisor = &context.config.hypervisor;
    let seconds = args
        .deadline
        .unwrap_or(hypervisor.converge_deadline_seconds);
    Order {
        vmid: args.vmid,
        verb: "run",
        trigger: format!("phoenix run {} {}", args.vmid, args.phase),
        wait_for_others: true,
        arrives: false,
        deadline: Duration::from_secs(seconds),
        agent_wait: Duration::from_secs(hypervisor.agent_wait_seconds.min(seconds)),
    }
}

fn exit(ending: &Ending) -> Exit {
    match ending.outcome {
        Outcome::Converged => Exit::Converged,
        Outcome::Failed | Outcome::Blocked if ending.refused => Exit::Refused,
        Outcome::Waiting | Outcome::Running => Exit::DeadlinePassed,
        Outcome::Failed | Outcome::Interrupted | Outcome::Blocked => Exit::Failed,
    }
}

fn report(args: &RunArgs, ending: &Ending) {
    if args.json {
        print_json(&serde_json::json!({
            "schema_version": 1,
            "vmid": args.vmid,
            "outcome": ending.outcome,
            "actions_done": ending.actions_done,
            "open": ending.open,
        }));
        return;
    }
    let vmid = args.vmid;
    let done = match (ending.actions_done, ending.actions_tried) {
        (_, 0) => "nothing to do, nothing written".to_owned(),
        (1, 1) => "1 step".to_owned(),
        (done, tried) if done == tried => format!("{done} steps"),
        (done, tried) => format!("{done} of {tried} steps"),
    };
    print_line(&format!("{vmid}: {} ({done})", ending.outcome.word()));
    for line in &ending.open {
        print_line(&format!("{vmid}: {}", Untrusted(line)));
    }
    if ending.outcome != Outcome::Converged {
        print_line(&format!("{vmid}: to go on: phoenix run {vmid} post-start"));
    }
}
