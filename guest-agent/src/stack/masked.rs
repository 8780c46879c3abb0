//! Plan and deploy with every value of the deploy's variables hidden in what they say.

use phoenix_common::spec::StackSpec;
use phoenix_common::wire::{AgentFailure, Progress, StackPlan, WorkReport};

use super::diff::Mask;
use super::error::StackError;
use super::input::LocalStack;
use super::{deploy as open, input};
use crate::docker::engine::Engine;
use crate::failure::Failure;

/// What [`super::apply::Writer`] says of a write.
const WRITTEN: &[&str] = &["created", "updated", "removed"];
/// Most writes that a failure names.
const WRITES_SHOWN: usize = 20;

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

/// [`plan`] for files of this machine.
///
/// # Errors
/// As [`plan`].
pub async fn plan_local(engine: &Engine, local: &LocalStack) -> Result<StackPlan, StackError> {
    let mask = local.mask();
    let mut plan = open::plan_local(engine, local)
        .await
        .map_err(|error| error.masked(&mask))?;
    hide(&mut plan.warnings, &mask);
    Ok(plan)
}

/// [`deploy`] for files of this machine.
///
/// # Errors
/// As [`deploy`].
pub async fn deploy_local(
    engine: &Engine,
    local: &LocalStack,
    progress: &mut dyn FnMut(Progress),
) -> Result<WorkReport, StackError> {
    let mask = local.mask();
    let mut said = |mut said: Progress| {
        said.message = mask.hide(&said.message);
        progress(said);
    };
    let mut report = open::deploy_local(engine, local, &mut said)
        .await
        .map_err(|error| error.masked(&mask))?;
    hide(&mut report.warnings, &mask);
    Ok(report)
}

/// As [`deploy`]; a failure also says what was written before.
///
/// # Errors
/// As [`deploy`].
pub async fn deploy_as_work(
    engine: &Engine,
    spec: &StackSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<WorkReport, AgentFailure> {
    let mut written = Vec::new();
    let mut said = |said: Progress| {
        if WRITTEN.contains(&said.message.as_str()) {
            written.push(format!("{} {}", said.message, said.step));
        }
        progress(said);
    };
    let result = deploy(engine, spec, &mut said).await;
    result.map_err(|error| {
        let mut failure = error.into_failure();
        failure.messages.extend(summary(&written));
        failure
    })
}

/// The first writes and how many more there were.
fn summary(written: &[String]) -> Option<String> {
    let shown = written.get(..WRITES_SHOWN).unwrap_or(written);
    let more = written.len() - shown.len();
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (!written.is_empty()).then(|| format!("this run has {}{rest}", shown.join(", ")))
}

fn hide(messages: &mut [String], mask: &Mask) {
    for message in messages {
        *message = mask.hide(message);
    }
}
