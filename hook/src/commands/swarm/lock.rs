//! The lock under which a Swarm is changed.

use phoenix_common::retry::Deadline;

use crate::commands::complain;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::lock::{Lock, LockError};
use crate::progress::Progress;

/// The Swarm's lock, for this process; who holds it meanwhile is told.
///
/// # Errors
/// It stays held until the deadline, or cannot be made; told on stderr.
pub(super) async fn lock(
    context: &Context,
    swarm: &str,
    verb: &str,
    deadline: Deadline,
    progress: &Progress,
) -> Result<Lock, Exit> {
    let path = context.paths.swarm_lock(swarm);
    let told = |holder: &str| progress.note(&format!("waits for Swarm {swarm}: {holder}"));
    Lock::acquire(&path, verb, deadline, told)
        .await
        .map_err(|error| {
            complain(&error);
            match error {
                LockError::Held { .. } => Exit::DeadlinePassed,
                LockError::File { .. } => Exit::Failed,
            }
        })
}
