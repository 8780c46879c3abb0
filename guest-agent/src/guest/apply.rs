//! Observe, plan, execute, observe again.

use phoenix_common::fail_point;
use phoenix_common::spec::GuestSpec;
use phoenix_common::wire::{Change, GuestPlan, WorkReport};

use super::action::GuestAction;
use super::error::GuestError;
use super::execute::execute;
use super::plan::GuestSteps;
use super::{check, observe, plan};
use crate::paths::Paths;
use crate::progress::ProgressLog;

/// What [`apply`] would change now, and what is worth knowing.
///
/// # Errors
/// The spec is wrong, or the guest cannot be looked at.
pub async fn inspect(paths: &Paths, spec: &GuestSpec) -> Result<GuestPlan, GuestError> {
    let steps = steps(paths, spec).await?;
    Ok(GuestPlan {
        changes: changes(&steps),
        notices: steps.notices,
    })
}

/// Makes the guest as `spec` says; does nothing where it is so.
///
/// # Errors
/// The first step that fails, or all were done and the guest is still not so.
pub async fn apply(
    paths: &Paths,
    spec: &GuestSpec,
    progress: &mut ProgressLog,
) -> Result<WorkReport, GuestError> {
    let mut steps = steps(paths, spec).await?;
    if steps.actions.first() == Some(&GuestAction::AwaitCloudInit) {
        execute(paths, &GuestAction::AwaitCloudInit, progress).await?;
        // cloud-init may have made users and packages: what is left to do is another plan.
        steps = self::steps(paths, spec).await?;
    }
    for action in &steps.actions {
        fail_point!("before {action:?}");
        execute(paths, action, progress).await?;
        fail_point!("after {action:?}");
    }
    let changes = changes(&steps);
    let mut warnings = steps.notices;
    if !steps.actions.is_empty() {
        // No exit code is trusted, apt's least of all.
        let left = inspect(paths, spec).await?;
        if !left.changes.is_empty() {
            return Err(GuestError::NotConverged {
                what: (left.changes.into_iter())
                    .map(|change| change.subject)
                    .collect(),
            });
        }
        warnings = left.notices;
    }
    Ok(WorkReport { changes, warnings })
}

fn changes(steps: &GuestSteps) -> Vec<Change> {
    steps
        .actions
        .iter()
        .flat_map(GuestAction::changes)
        .collect()
}

async fn steps(paths: &Paths, spec: &GuestSpec) -> Result<GuestSteps, GuestError> {
    check::check(spec)?;
    Ok(plan::plan(&observe::observe(paths, spec).await?, spec)?)
}
