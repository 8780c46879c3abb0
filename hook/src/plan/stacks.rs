//! Stacks of a guest that is a member of its Swarm.

use phoenix_common::observed::Observed;

use super::action::Action;
use super::desired::Desired;
use super::observed::ObservedGuest;
use super::{Blocked, Plan, Waiting};

/// Adds a deployment for every stack that differs. Called when the Swarm part is settled.
pub fn plan(desired: &Desired, observed: &ObservedGuest, plan: &mut Plan) {
    let Some((swarm, via)) = manager(desired, observed) else {
        return;
    };
    for stack in &desired.stacks {
        let what = format!("stack {}", stack.name);
        let spec = match &stack.spec {
            Ok(spec) => spec,
            Err(reason) => {
                block(plan, what, reason);
                continue;
            }
        };
        match observed.stacks.get(&stack.name) {
            Some(Observed::Known(Err(reason))) => block(plan, what, reason),
            Some(Observed::Known(Ok(found))) => {
                for warning in &found.warnings {
                    plan.notices.push(format!("{what}: {warning}"));
                }
                if !found.changes.is_empty() {
                    plan.actions.push(Action::DeployStack {
                        via,
                        swarm: swarm.clone(),
                        name: stack.name.clone(),
                        spec: spec.clone(),
                        changes: found.changes.clone(),
                    });
                }
            }
            Some(Observed::Unknown(reason)) => plan.waiting.push(Waiting {
                on: None,
                reason: format!("{what}: {reason}"),
            }),
            None => plan.waiting.push(Waiting {
                on: None,
                reason: format!("{what}: not looked at yet"),
            }),
        }
    }
}

fn block(plan: &mut Plan, what: String, reason: &str) {
    plan.blocked.push(Blocked {
        what,
        reason: reason.to_owned(),
        refused: false,
    });
}

fn manager(
    desired: &Desired,
    observed: &ObservedGuest,
) -> Option<(String, phoenix_common::vmid::Vmid)> {
    let name = desired.swarm.as_ref()?.name.clone();
    let (via, _) = observed.swarm.as_ref()?.view.known()?;
    Some((name, *via))
}
