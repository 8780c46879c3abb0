//! Which part does which work.

use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::wire::{AgentFailure, Progress, Work, WorkReport};

use crate::docker::engine::Engine;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::progress::ProgressLog;
use crate::{guest, portainer, stack, swarm};

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
    match work {
        Work::ApplyGuest(spec) => end(guest::apply::apply(paths, &spec, progress).await),
        Work::SwarmInit(request) => {
            end(swarm::init::run(&engine(paths).await?, &request, progress).await)
        }
        Work::SwarmJoin(request) => {
            end(swarm::join::run(&engine(paths).await?, &request, progress).await)
        }
        Work::SwarmLeave { force } => {
            end(swarm::leave::run(&engine(paths).await?, force, progress).await)
        }
        Work::SwarmNodeUpdate(update) => {
            end(swarm::node::update(&engine(paths).await?, &update, progress).await)
        }
        Work::SwarmNodeRemove { node_id } => {
            end(swarm::node::remove(&engine(paths).await?, &node_id, progress).await)
        }
        Work::DeployStack(spec) => {
            let mut said = |said: Progress| progress.step(&said.step, &said.message);
            stack::deploy_as_work(&engine(paths).await?, &spec, &mut said).await
        }
        Work::RemoveStack {
            namespace,
            wait_seconds,
        } => {
            let mut said = |said: Progress| progress.step(&said.step, &said.message);
            let engine = engine(paths).await?;
            end(stack::remove(&engine, &namespace, wait_seconds, &mut said).await)
        }
        Work::ApplyPortainer(spec) => {
            let engine = engine(paths).await?;
            end(portainer::apply(paths, &engine, &spec, progress).await)
        }
        Work::PullImages(wanted) => {
            end(portainer::pull_images(&engine(paths).await?, &wanted, progress).await)
        }
        Work::RemoveOrphans(project) => {
            end(portainer::remove_orphans(&engine(paths).await?, &project, progress).await)
        }
        Work::MakeFolders { paths: folders } => {
            let mut said = |said: Progress| progress.step(&said.step, &said.message);
            stack::bind_folders::make_as_work(paths.root(), &folders, &mut said)
        }
        Work::RemoveStackVolumes {
            namespace,
            wait_seconds,
        } => {
            let mut said = |said: Progress| progress.step(&said.step, &said.message);
            let engine = engine(paths).await?;
            end(stack::remove_volumes(&engine, &namespace, wait_seconds, &mut said).await)
        }
    }
}

fn end<E: Failure>(result: Result<WorkReport, E>) -> Result<WorkReport, AgentFailure> {
    result.map_err(Failure::into_failure)
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
