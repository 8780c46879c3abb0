//! `phoenix delete <vmid>`: a guest leaves its Swarm and Proxmox.

use std::time::Duration;

use phoenix_common::vmid::Vmid;

use super::lifecycle::connect;
use super::{block_on, complain, complain_text, consent, print_json, print_line};
use crate::context::Context;
use crate::estate::Estate;
use crate::exit_code::Exit;
use crate::fleet::{RemovalError, RemovalRun, forget};
use crate::lock::LockError;
use crate::paths::Paths;
use crate::plan::machine::removal::{RemovalPlan, RemovalWish};
use crate::progress::Progress;

/// Removes a guest, VM or container: from its Swarm, then from Proxmox, disks and all.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct DeleteArgs {
    /// The guest; it need not be declared.
    pub vmid: Vmid,
    /// Also a guest that Phoenix did not make.
    #[arg(long)]
    pub foreign: bool,
    /// Though no manager of its Swarm answers: its entry stays there.
    #[arg(long)]
    pub forget_swarm: bool,
    /// Show what would be done, and do nothing (exit code 3: there is something to do).
    #[arg(long)]
    pub dry_run: bool,
    /// Do it without asking.
    #[arg(short, long)]
    pub yes: bool,
    /// Print plan and outcome as JSON.
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &DeleteArgs, paths: &Paths) -> Exit {
    // A guest that is declared wrongly, or no longer, can be deleted as well.
    let context = Estate::read(paths).context;
    match connect(&context) {
        Ok(pve) => {
            let progress = Progress::for_operator();
            let wish = RemovalWish {
                vmid: args.vmid,
                foreign: args.foreign,
                forget_swarm: args.forget_swarm,
            };
            let run = RemovalRun {
                context: &context,
                pve: &pve,
                progress: &progress,
                wish,
            };
            let exit = block_on(work(args, &context, &run));
            progress.finish();
            exit
        }
        Err(exit) => exit,
    }
}

async fn work(args: &DeleteArgs, context: &Context, run: &RemovalRun<'_>) -> Exit {
    let plan = match run.plan().await {
        Ok(plan) => plan,
        Err(error) => return failed(&error),
    };
    let exit = planned_exit(&plan);
    if args.dry_run || exit != Exit::ChangesPlanned {
        report(args, &plan, None);
        return exit;
    }
    if !args.json {
        for line in plan_lines(args.vmid, &plan) {
            run.progress.note(&line);
        }
    }
    let what = format!("deletes guest {} with its disks", args.vmid);
    if let Err(exit) = consent::ask(&what, args.yes) {
        return exit;
    }
    let patience = Duration::from_secs(context.config.hypervisor.converge_deadline_seconds);
    let carried = tokio::select! {
        carried = run.carry_out(patience) => carried,
        Ok(()) = tokio::signal::ctrl_c() => {
            complain_text(&format!(
                "interrupted; what has begun goes on. To go on: phoenix delete {}", args.vmid
            ));
            return Exit::Interrupted;
        }
    };
    match carried {
        Ok(steps) => {
            forget(context, args.vmid);
            report(args, &plan, Some(steps));
            Exit::Converged
        }
        Err(error) => {
            let exit = failed(&error);
            complain_text(&format!("to go on: phoenix delete {}", args.vmid));
            exit
        }
    }
}

fn failed(error: &RemovalError) -> Exit {
    complain(error);
    match error {
        RemovalError::Lock(LockError::Held { .. }) => Exit::DeadlinePassed,
        RemovalError::Execute(error) if error.is_refused() => Exit::Refused,
        _ => Exit::Failed,
    }
}

fn planned_exit(plan: &RemovalPlan) -> Exit {
    if plan.blocked.iter().any(|blocked| blocked.refused) {
        Exit::Refused
    } else if !plan.blocked.is_empty() {
        Exit::Failed
    } else if !plan.waiting.is_empty() {
        Exit::DeadlinePassed
    } else if plan.actions.is_empty() {
        Exit::Converged
    } else {
        Exit::ChangesPlanned
    }
}

fn plan_lines(vmid: Vmid, plan: &RemovalPlan) -> Vec<String> {
    let state = match planned_exit(plan) {
        Exit::ChangesPlanned => "would be deleted",
        Exit::Converged => "is not there, nothing to do",
        _ => "is not deleted",
    };
    let mut lines = vec![format!("{vmid} {state}")];
    lines.extend(plan.to_string().lines().map(str::to_owned));
    lines
}

fn report(args: &DeleteArgs, plan: &RemovalPlan, steps: Option<usize>) {
    let vmid = args.vmid;
    if args.json {
        print_json(&serde_json::json!({
            "schema_version": 1,
            "verb": "delete",
            "vmid": vmid,
            "plan": plan,
            "steps_done": steps,
        }));
        return;
    }
    match steps {
        Some(steps) => print_line(&format!("{vmid}: deleted ({steps} steps)")),
        None => {
            for line in plan_lines(vmid, plan) {
                print_line(&line);
            }
        }
    }
}
