//! Plan and deploy with every value of the deploy's variables hidden in what they say.

use phoenix_common::spec::StackSpec;
use phoenix_common::wire::{Progress, StackPlan, WorkReport};

use super::diff::Mask;
use super::error::StackError;
use super::{deploy as open, input};
use crate::docker::engine::Engine;

/// What [`deploy`] would change. Reads only.
///
/// # Errors
/// What would stop a deploy before its first write.
pub async fn plan(engine: &Engine, spec: &StackSpec) -> Result<StackPlan, StackError> {
    let mask = input::mask(spec);
    let mut plan = open::plan(engine, spec)
        .await
        .map_err(|error| error.masked(&mask))?;
    hide(&mut plan.warnings, &mask);
    Ok(plan)
}

/// Makes the engine hold and run what `spec` says, and waits until it does.
///
/// # Errors
/// As [`open::deploy`].
pub async fn deploy(
    engine: &Engine,
    spec: &StackSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<WorkReport, StackError> {
    let mask = input::mask(spec);
    let mut said = |mut said: Progress| {
        said.message = mask.hide(&said.message);
        progress(said);
    };
    let mut report = open::deploy(engine, spec, &mut said)
        .await
        .map_err(|error| error.masked(&mask))?;
    hide(&mut report.warnings, &mask);
    Ok(report)
}

fn hide(messages: &mut [String], mask: &Mask) {
    for message in messages {
        *message = mask.hide(message);
    }
}
