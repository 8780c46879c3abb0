//! `phoenix plan [vmid]`: what a run would do now. Nothing is changed.

use phoenix_common::config::ConfigError;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::{block_on, complain, print_json, print_line};
use crate::context::Context;
use crate::estate::Estate;
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
    let (plans, mistakes) = match args.vmid {
        Some(vmid) => match Context::load_for(paths, vmid) {
            Ok(context) => (block_on(plans(&context, &[vmid])), Vec::new()),
            Err(error) => {
                complain(&error);
                return Exit::Usage;
            }
        },
        None => whole_estate(paths),
    };
    let exit = exit(&plans, &mistakes);
    if args.json {
        print_json(&serde_json::json!({
            "schema_version": 1,
            "configuration_mistakes": mistakes,
            "guests": plans,
        }));
    } else {
        for mistake in &mistakes {
            complain(mistake);
        }
        for plan in &plans {
            show(plan);
        }
    }
    exit
}

/// The plans of all guests that a run would take on, and the mistakes that keep the others from it.
fn whole_estate(paths: &Paths) -> (Vec<GuestPlan>, Vec<ConfigError>) {
    let estate = Estate::read(paths);
    let declared = estate.context.config.guests_in_boot_order();
    let vmids = declared.iter().map(|guest| guest.vmid);
    let right: Vec<Vmid> = vmids
        .filter(|vmid| estate.mistakes_of(*vmid).is_empty())
        .collect();
    let plans = block_on(plans(&estate.context, &right));
    (plans, estate.mistakes)
}

async fn plans(context: &Context, vmids: &[Vmid]) -> Vec<GuestPlan> {
    let mut plans = Vec::new();
    for vmid in vmids {
        let declared = context.config.guests.get(vmid);
        let (Some(declared), Some(desired)) = (declared, context.desired(*vmid)) else {
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
fn exit(plans: &[GuestPlan], mistakes: &[ConfigError]) -> Exit {
    if plans.is_empty() && !mistakes.is_empty() {
        return Exit::Usage;
    }
    if plans.iter().any(|guest| !guest.plan.actions.is_empty()) {
        return Exit::ChangesPlanned;
    }
    let blocked = plans.iter().any(|guest| !guest.plan.blocked.is_empty());
    if blocked || !mistakes.is_empty() {
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
