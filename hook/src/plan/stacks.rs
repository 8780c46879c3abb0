//! Stacks of a guest that is a member of its Swarm.

use phoenix_common::observed::Observed;

use super::action::Action;
use super::desired::Desired;
use super::observed::ObservedGuest;
use super::{Blocked, Plan, Waiting};

/// How long services that are deployed as declared may take to come up after a restart of their guest.
const NOT_RUNNING_PATIENCE_SECONDS: u64 = 60;

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
                plan.blocked.push(Blocked {
                    what,
                    reason: reason.clone(),
                    refused: false,
                });
                continue;
            }
        };
        match observed.stacks.get(&stack.name) {
            Some(Observed::Known(Err(refusal))) => plan.blocked.push(refusal.blocked(&what)),
            Some(Observed::Known(Ok(found))) => {
                for service in &found.not_running {
                    plan.waiting.push(Waiting {
                        on: None,
                        reason: format!("{what}: {service}"),
                        patience_seconds: Some(NOT_RUNNING_PATIENCE_SECONDS),
                    });
                }
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
                patience_seconds: None,
            }),
            None => plan.waiting.push(Waiting {
                on: None,
                reason: format!("{what}: not looked at yet"),
                patience_seconds: None,
            }),
        }
    }
}

fn manager(
    desired: &Desired,
    observed: &ObservedGuest,
) -> Option<(String, phoenix_common::vmid::Vmid)> {
    let name = desired.swarm.as_ref()?.name.clone();
    let (via, _) = observed.swarm.as_ref()?.view.known()?;
    Some((name, *via))
}
