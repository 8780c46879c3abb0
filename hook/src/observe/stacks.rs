//! What a manager's agent would change for each stack of the guest.

use std::collections::BTreeMap;

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::spec::StackSpec;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, RequestBody, StackPlan};

use super::ask;
use crate::context::Context;
use crate::plan::desired::Desired;

pub(super) async fn observe(
    context: &Context,
    desired: &Desired,
    via: Vmid,
) -> BTreeMap<String, Observed<Result<StackPlan, String>>> {
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
) -> Observed<Result<StackPlan, String>> {
    let question = RequestBody::PlanStack(Box::new(spec.clone()));
    match ask(context, via, question).await {
        Ok(Answer::PlanStack(plan)) => Observed::Known(Ok(plan)),
        Ok(_) => Observed::unknown("the agent answered another question"),
        Err(error) if error.is_wrong_input() => Observed::Known(Err(Chain(&error).to_string())),
        Err(error) => Observed::Unknown(Chain(&error).to_string()),
    }
}
