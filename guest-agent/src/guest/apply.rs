//! Observe, plan, execute, observe again.

use phoenix_common::fail_point;
use phoenix_common::spec::GuestSpec;
use phoenix_common::wire::{Change, WorkReport};

use super::action::GuestAction;
use super::error::GuestError;
use super::execute::execute;
use super::{check, observe, plan};
use crate::paths::Paths;
use crate::progress::ProgressLog;

/// What [`apply`] would change now.
///
/// # Errors
/// The spec is wrong, or the guest cannot be looked at.
pub async fn changes(paths: &Paths, spec: &GuestSpec) -> Result<Vec<Change>, GuestError> {
    let actions = actions(paths, spec).await?;
    Ok(actions.iter().flat_map(GuestAction::changes).collect())
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
    let mut actions = actions(paths, spec).await?;
    if actions.first() == Some(&GuestAction::AwaitCloudInit) {
        execute(paths, &GuestAction::AwaitCloudInit, progress).await?;
        // cloud-init may have made users and packages: what is left to do is another plan.
        actions = self::actions(paths, spec).await?;
    }
    for action in &actions {
        fail_point!("before {action:?}");
        execute(paths, action, progress).await?;
        fail_point!("after {action:?}");
    }
    if !actions.is_empty() {
        // No exit code is trusted, apt's least of all.
        let left = changes(paths, spec).await?;
        if !left.is_empty() {
            return Err(GuestError::NotConverged {
                what: left.into_iter().map(|change| change.subject).collect(),
            });
        }
    }
    Ok(WorkReport {
        changes: actions.iter().flat_map(GuestAction::changes).collect(),
        warnings: Vec::new(),
    })
}

async fn actions(paths: &Paths, spec: &GuestSpec) -> Result<Vec<GuestAction>, GuestError> {
    check::check(spec)?;
    Ok(plan::plan(&observe::observe(paths, spec).await?, spec))
}
