//! `phoenix run <vmid> post-start`: the reconcile of a start event, by hand and in the foreground.

use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;

use super::{block_on, complain, complain_text, print_json, print_line};
use crate::context::{Context, ContextError};
use crate::exit_code::Exit;
use crate::lock::{self, LockError};
use crate::observe::host_state;
use crate::paths::Paths;
use crate::plan::observed::HostState;
use crate::progress::Progress;
use crate::queue::Queue;
use crate::reconcile::{Ending, Order, ReconcileError, reconcile};
use crate::record::{self, Outcome};
use crate::wake;

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
    #[arg(long, value_name = "SECONDS", value_parser = deadline_seconds())]
    pub deadline: Option<u64>,
}

/// A day is the longest that a deadline may be.
pub(super) fn deadline_seconds() -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..=86_400)
}

/// How the run came to its end.
enum Ended {
    ByItself(Result<Ending, ReconcileError>),
    Interrupted,
    /// It did not begin; why.
    NotRunning(String),
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
    let progress = Progress::for_operator();
    let ended = block_on(work(&context, args, &progress));
    progress.finish();
    match ended {
        Ended::ByItself(Ok(ending)) => {
            report(args, &ending);
            exit(&ending)
        }
        Ended::ByItself(Err(error)) => {
            complain(&error);
            match error {
                ReconcileError::Lock {
                    source: LockError::Held { .. },
                    ..
                } => Exit::DeadlinePassed,
                _ => Exit::Failed,
            }
        }
        Ended::Interrupted => {
            interrupted(&context, args.vmid);
            Exit::Interrupted
        }
        Ended::NotRunning(why) => {
            complain_text(&why);
            Exit::Failed
        }
    }
}

async fn work(context: &Context, args: &RunArgs, progress: &Progress) -> Ended {
    let vmid = args.vmid;
    if let Some(why) = not_running(vmid, &host_state(context, vmid).await) {
        return Ended::NotRunning(why);
    }
    let order = foreground_order(context, args);
    let run = reconcile(context, &order, progress);
    let result = tokio::select! {
        result = run => result,
        Ok(()) = tokio::signal::ctrl_c() => return Ended::Interrupted,
    };
    if let Ok(ending) = &result {
        let dependents = wake::wake(context, vmid, ending, true).await;
        let queued = wake::request(&Queue::new(&context.paths), &dependents, vmid);
        if let Err(error) = queued {
            tracing::warn!(
                "guests that wait for {vmid} are not told: {}",
                Chain(&error)
            );
        }
    }
    Ended::ByItself(result)
}

/// Why there is nothing to run on. A guest that starts, arrives or is locked is waited for.
fn not_running(vmid: Vmid, state: &Observed<HostState>) -> Option<String> {
    match state {
        Observed::Known(HostState::Stopped) => {
            Some(format!("guest {vmid} is stopped: qm start {vmid}"))
        }
        Observed::Known(HostState::Absent) => Some(format!(
            "Proxmox has no guest {vmid} on any node (qm list shows this node's)"
        )),
        Observed::Known(HostState::OtherNode(node)) => Some(format!(
            "guest {vmid} is on node {node}: run it there",
            node = Untrusted(node)
        )),
        _ => None,
    }
}

fn interrupted(context: &Context, vmid: Vmid) {
    // While somebody else holds the guest, the record is theirs.
    if !lock::is_held(&context.paths.guest_lock(vmid)) {
        record::interrupt(&context.paths, vmid, "ended by Ctrl-C");
    }
    complain_text(&format!(
        "interrupted; what has begun inside guest {vmid} goes on. To go on: phoenix run {vmid} post-start"
    ));
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
        portainer: true,
        only_stack: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_guest_that_is_surely_not_here_is_refused() {
        let vmid = Vmid::new(1002).unwrap();
        let refusal = |state| not_running(vmid, &Observed::Known(state)).unwrap_or_default();
        assert_eq!(
            refusal(HostState::Stopped),
            "guest 1002 is stopped: qm start 1002"
        );
        assert!(refusal(HostState::Absent).contains("no guest 1002"));
        assert!(refusal(HostState::OtherNode("pve2".to_owned())).contains("pve2"));
        assert_eq!(refusal(HostState::Running), "");
        assert_eq!(refusal(HostState::Locked("backup".to_owned())), "");
        assert_eq!(not_running(vmid, &Observed::unknown("silent")), None);
    }
}
