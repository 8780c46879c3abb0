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
            seen.insert(stack.name.clone(), plan(context, via, spec).await);
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
