//! Portainer's own containers, as the guest's agent sees them.

use phoenix_common::observed::Observed;
use phoenix_common::spec::PortainerSpec;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, PortainerView, RequestBody};

use super::{ask, verdict};
use crate::context::Context;
use crate::plan::observed::Refusal;

pub(super) async fn observe(
    context: &Context,
    vmid: Vmid,
    spec: &PortainerSpec,
) -> Observed<Result<PortainerView, Refusal>> {
    let question = RequestBody::Portainer(Box::new(spec.clone()));
    match ask(context, vmid, question).await {
        Ok(Answer::Portainer(view)) => Observed::Known(Ok(view)),
        Ok(_) => Observed::unknown("the agent answered another question"),
        Err(error) => verdict(&error),
    }
}
