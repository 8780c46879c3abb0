//! What a manager's agent would change for each stack of the guest.

use std::collections::BTreeMap;

use phoenix_common::observed::Observed;
use phoenix_common::spec::StackSpec;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, RequestBody, StackPlan};

use super::{ask, verdict};
use crate::context::Context;
use crate::plan::desired::Desired;
use crate::plan::observed::Refusal;

pub(super) async fn observe(
    context: &Context,
    desired: &Desired,
    via: Vmid,
) -> BTreeMap<String, Observed<Result<StackPlan, Refusal>>> {
    let mut seen = BTreeMap::new();
    for stack in &desired.stacks {
        if let Ok(spec) = &stack.spec {
            let mut seen_plan = plan(context, via, spec).await;
            if let Observed::Known(Ok(found)) = &mut seen_plan
                && let Err(unseen) = keep_missing(context, desired.vmid, found).await
            {
                seen_plan = unseen;
            }
            seen.insert(stack.name.clone(), seen_plan);
        }
    }
    seen
}

async fn plan(
    context: &Context,
    via: Vmid,
    spec: &StackSpec,
) -> Observed<Result<StackPlan, Refusal>> {
    let question = RequestBody::PlanStack(Box::new(spec.clone()));
    match ask(context, via, question).await {
        Ok(Answer::PlanStack(plan)) => Observed::Known(Ok(plan)),
        Ok(_) => Observed::unknown("the agent answered another question"),
        Err(error) => verdict(&error),
    }
}

/// Of the folders that the stack binds, those that are not there: its tasks all run on the guest itself.
async fn keep_missing(
    context: &Context,
    vmid: Vmid,
    found: &mut StackPlan,
) -> Result<(), Observed<Result<StackPlan, Refusal>>> {
    if found.binds.is_empty() {
        return Ok(());
    }
    let paths = found.binds.iter().map(|bind| bind.path.clone()).collect();
    match ask(context, vmid, RequestBody::MissingPaths { paths }).await {
        Ok(Answer::MissingPaths(missing)) => {
            found.binds.retain(|bind| missing.contains(&bind.path));
            Ok(())
        }
        Ok(_) => Err(Observed::unknown("the agent answered another question")),
        Err(error) => Err(verdict(&error)),
    }
}
