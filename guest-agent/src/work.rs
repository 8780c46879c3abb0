//! Which part does which work.

use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::wire::{AgentFailure, FailureKind, Work, WorkReport};

use crate::docker::engine::Engine;
use crate::failure::{Failure, failed};
use crate::paths::Paths;
use crate::progress::ProgressLog;
use crate::{guest, swarm};

/// How long an engine that starts is waited for.
const ENGINE_DEADLINE: Duration = Duration::from_mins(1);

/// Does `work` to its end.
///
/// # Errors
/// What failed; what was done before stays and is found done by the next run.
pub async fn run(
    paths: &Paths,
    work: Work,
    progress: &mut ProgressLog,
) -> Result<WorkReport, AgentFailure> {
    if let Work::ApplyGuest(spec) = &work {
        return guest::apply::apply(paths, spec, progress)
            .await
            .map_err(Failure::into_failure);
    }
    let engine = engine(paths).await?;
    let report = match work {
        Work::SwarmInit(request) => swarm::init::run(&engine, &request, progress).await,
        Work::SwarmJoin(request) => swarm::join::run(&engine, &request, progress).await,
        Work::SwarmLeave { force } => swarm::leave::run(&engine, force, progress).await,
        Work::SwarmNodeUpdate(update) => swarm::node::update(&engine, &update, progress).await,
        Work::SwarmNodeRemove { node_id } => swarm::node::remove(&engine, &node_id, progress).await,
        Work::ApplyGuest(_) | Work::DeployStack(_) | Work::RemoveStack { .. } => {
            return Err(failed(FailureKind::Failed, "stacks: not in this build"));
        }
    };
    report.map_err(Failure::into_failure)
}

async fn engine(paths: &Paths) -> Result<Engine, AgentFailure> {
    let deadline = Deadline::after(ENGINE_DEADLINE);
    let mut pauses = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    loop {
        match Engine::connect(&paths.docker_socket()).await {
            Err(error) if error.is_silent() && !deadline.has_passed() => {
                tokio::time::sleep(pauses.next().unwrap_or_default()).await;
            }
            result => return result.map_err(Failure::into_failure),
        }
    }
}
