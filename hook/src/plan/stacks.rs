//! Stacks of a guest that is a member of its Swarm.

use phoenix_common::observed::Observed;
use phoenix_common::spec::StackSpec;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{BindSource, Change, StackPlan};

use super::action::{Action, Folders};
use super::desired::{Desired, StackDesired};
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
                deploy(desired.vmid, stack, (&swarm, via, spec, found), plan);
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

/// What a manager told of one stack, as steps of the plan.
fn deploy(
    vmid: Vmid,
    stack: &StackDesired,
    (swarm, via, spec, found): (&str, Vmid, &StackSpec, &StackPlan),
    plan: &mut Plan,
) {
    let what = format!("stack {}", stack.name);
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
    let folders = match folders(vmid, found) {
        Ok(folders) => folders,
        Err(reason) => {
            let refused = false;
            plan.blocked.push(Blocked {
                what,
                reason,
                refused,
            });
            return;
        }
    };
    let mut changes: Vec<Change> = folders.iter().flat_map(Folders::changes).collect();
    changes.extend(found.changes.iter().cloned());
    if changes.is_empty() {
        return;
    }
    plan.actions.push(Action::DeployStack {
        via,
        swarm: swarm.to_owned(),
        name: stack.name.clone(),
        spec: Box::new(spec.clone()),
        changes,
        folders,
    });
}

/// The folders to be made in the guest that the stack is pinned to; only the short form asks for that.
fn folders(vmid: Vmid, found: &StackPlan) -> Result<Vec<Folders>, String> {
    if let Some(bind) = found.binds.iter().find(|bind| !bind.may_be_made) {
        let BindSource { path, service, .. } = bind;
        return Err(format!(
            "service {service} binds {path}, which is not there on guest {vmid}: make it there first"
        ));
    }
    let mut paths: Vec<String> = found.binds.iter().map(|bind| bind.path.clone()).collect();
    paths.sort();
    paths.dedup();
    let folders = Folders { vmid, paths };
    Ok(if folders.paths.is_empty() {
        Vec::new()
    } else {
        vec![folders]
    })
}

fn manager(desired: &Desired, observed: &ObservedGuest) -> Option<(String, Vmid)> {
    let name = desired.swarm.as_ref()?.name.clone();
    let (via, _) = observed.swarm.as_ref()?.view.known()?;
    Some((name, *via))
}
