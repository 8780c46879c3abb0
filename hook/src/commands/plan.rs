//! `phoenix plan [vmid]`: what a run would do now. Nothing is changed.

use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::{block_on, complain, print_json, print_line};
use crate::context::Context;
use crate::exit_code::Exit;
use crate::observe::observe;
use crate::paths::Paths;
use crate::plan::{Plan, guest};

/// Shows what a run would change, guest by guest.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Only this guest (default: all, in boot order).
    pub vmid: Option<Vmid>,
    /// Print the plans as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct GuestPlan {
    vmid: Vmid,
    name: String,
    converged: bool,
    #[serde(flatten)]
    plan: Plan,
}

pub fn run(args: &PlanArgs, paths: &Paths) -> Exit {
    let context = match args.vmid {
        Some(vmid) => Context::load_for(paths, vmid),
        None => Context::load(paths),
    };
    let context = match context {
        Ok(context) => context,
        Err(error) => {
            complain(&error);
            return Exit::Usage;
        }
    };
    let plans = block_on(plans(&context, args.vmid));
    let exit = exit(&plans);
    if args.json {
        print_json(&serde_json::json!({ "schema_version": 1, "guests": plans }));
    } else {
        for plan in &plans {
            show(plan);
        }
    }
    exit
}

async fn plans(context: &Context, only: Option<Vmid>) -> Vec<GuestPlan> {
    let mut plans = Vec::new();
    for declared in context.config.guests_in_boot_order() {
        if only.is_some_and(|vmid| vmid != declared.vmid) {
            continue;
        }
        let Some(desired) = context.desired(declared.vmid) else {
            continue;
        };
        let plan = guest::plan(&desired, &observe(context, &desired).await);
        plans.push(GuestPlan {
            vmid: declared.vmid,
            name: declared.name.clone(),
            converged: plan.is_converged(),
            plan,
        });
    }
    plans
}

/// Changes win over what cannot be seen: 3 means that a run would write.
fn exit(plans: &[GuestPlan]) -> Exit {
    if plans.iter().any(|guest| !guest.plan.actions.is_empty()) {
        return Exit::ChangesPlanned;
    }
    if plans.iter().any(|guest| !guest.plan.blocked.is_empty()) {
        return Exit::Failed;
    }
    if plans.iter().any(|guest| !guest.plan.waiting.is_empty()) {
        return Exit::DeadlinePassed;
    }
    Exit::Converged
}

fn show(guest: &GuestPlan) {
    let state = if guest.converged {
        "nothing to do"
    } else if guest.plan.actions.is_empty() {
        "cannot go on"
    } else {
        "would change"
    };
    print_line(&format!("{} {}: {state}", guest.vmid, guest.name));
    let text = guest.plan.to_string();
    if !text.is_empty() {
        print_line(text.trim_end());
    }
    if !guest.plan.actions.is_empty() {
        print_line("    (what follows from this is decided when it is done)");
    }
}
