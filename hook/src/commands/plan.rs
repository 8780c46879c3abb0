//! `phoenix plan [vmid]`: what a run would do now. Nothing is changed.

use phoenix_common::config::ConfigError;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::{block_on, complain, print_json, print_line};
use crate::context::Context;
use crate::estate::Estate;
use crate::exit_code::Exit;
use crate::observe::{observe, portainer};
use crate::paths::Paths;
use crate::plan::portainer::PortainerPlan;
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
    let (plans, portainer, mistakes) = match args.vmid {
        Some(vmid) => match Context::load_for(paths, vmid) {
            Ok(context) => {
                let (plans, portainer) = block_on(all(&context, &[vmid], Some(vmid)));
                (plans, portainer, Vec::new())
            }
            Err(error) => {
                complain(&error);
                return Exit::Usage;
            }
        },
        None => whole_estate(paths),
    };
    let exit = exit(&plans, portainer.as_ref(), &mistakes);
    if args.json {
        print_json(&serde_json::json!({
            "schema_version": 1,
            "configuration_mistakes": mistakes,
            "guests": plans,
            "portainer": portainer,
        }));
    } else {
        for mistake in &mistakes {
            complain(mistake);
        }
        for plan in &plans {
            show(plan);
        }
        if let Some(plan) = &portainer {
            show_portainer(plan);
        }
    }
    exit
}

/// The plans of all guests that a run would take on, and the mistakes that keep the others from it.
fn whole_estate(paths: &Paths) -> (Vec<GuestPlan>, Option<PortainerPlan>, Vec<ConfigError>) {
    let estate = Estate::read(paths);
    let declared = estate.context.config.guests_in_boot_order();
    let vmids = declared.iter().map(|guest| guest.vmid);
    let right: Vec<Vmid> = vmids
        .filter(|vmid| estate.mistakes_of(*vmid).is_empty())
        .collect();
    let (plans, portainer) = block_on(all(&estate.context, &right, None));
    (plans, portainer, estate.mistakes)
}

/// The guests' plans, and Portainer's for all of them or for one.
async fn all(
    context: &Context,
    vmids: &[Vmid],
    only: Option<Vmid>,
) -> (Vec<GuestPlan>, Option<PortainerPlan>) {
    let plans = plans(context, vmids).await;
    let desired = context.portainer();
    let desired = match only {
        Some(vmid) => desired.map(|desired| desired.of_guest(vmid)),
        None => desired,
    };
    let desired = desired.filter(|desired| !desired.environments.is_empty());
    let Some(desired) = desired else {
        return (plans, None);
    };
    let observed = portainer::observe(context, &desired, &mut None).await;
    let plan = crate::plan::portainer::plan(&desired, &observed);
    (plans, Some(plan))
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
fn exit(plans: &[GuestPlan], portainer: Option<&PortainerPlan>, mistakes: &[ConfigError]) -> Exit {
    if plans.is_empty() && !mistakes.is_empty() {
        return Exit::Usage;
    }
    let portainer_changes = portainer.is_some_and(|plan| !plan.actions.is_empty());
    if portainer_changes || plans.iter().any(|guest| !guest.plan.actions.is_empty()) {
        return Exit::ChangesPlanned;
    }
    let portainer_blocked = portainer.is_some_and(|plan| !plan.blocked.is_empty());
    let blocked = plans.iter().any(|guest| !guest.plan.blocked.is_empty());
    if blocked || portainer_blocked || !mistakes.is_empty() {
        return Exit::Failed;
    }
    let portainer_waits = portainer.is_some_and(|plan| !plan.waiting.is_empty());
    if portainer_waits || plans.iter().any(|guest| !guest.plan.waiting.is_empty()) {
        return Exit::DeadlinePassed;
    }
    Exit::Converged
}

fn show_portainer(plan: &PortainerPlan) {
    let state = if plan.is_converged() {
        "nothing to do"
    } else if plan.actions.is_empty() {
        "cannot go on"
    } else {
        "would change"
    };
    print_line(&format!("Portainer: {state}"));
    let text = plan.to_string();
    if !text.is_empty() {
        print_line(text.trim_end());
    }
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
