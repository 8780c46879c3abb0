//! Takes this guest out of its Swarm.

use std::time::Duration;

use bollard::query_parameters::LeaveSwarmOptions;
use phoenix_common::wire::{Change, ChangeVerb, Membership, WorkReport};

use super::error::SwarmError;
use super::state;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::progress::ProgressLog;

/// Leaves unless this guest is in no Swarm.
///
/// # Errors
/// It is a manager and `force` is not set.
pub async fn run(
    engine: &Engine,
    force: bool,
    progress: &mut ProgressLog,
) -> Result<WorkReport, SwarmError> {
    // Pending for a moment is what a member is too, after a start of its engine.
    if state::settled(engine).await?.membership == Membership::Inactive {
        progress.step("swarm", "this guest is in no Swarm");
        return Ok(WorkReport::default());
    }
    leave(engine, force, progress).await?;
    Ok(WorkReport {
        changes: vec![Change {
            verb: ChangeVerb::Remove,
            subject: "swarm membership".to_owned(),
            fields: Vec::new(),
        }],
        warnings: Vec::new(),
    })
}

/// Gives up what is left of a membership that does not work.
pub(super) async fn force(engine: &Engine, progress: &mut ProgressLog) -> Result<(), SwarmError> {
    leave(engine, true, progress).await
}

async fn leave(engine: &Engine, force: bool, progress: &mut ProgressLog) -> Result<(), SwarmError> {
    progress.step("swarm", if force { "leave with force" } else { "leave" });
    let slow = engine.with_call_deadline(Duration::from_mins(1))?;
    slow.docker()
        .leave_swarm(Some(LeaveSwarmOptions { force }))
        .await
        .map_err(|error| EngineError::from_bollard("POST /swarm/leave", error).into())
}
