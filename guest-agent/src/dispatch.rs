//! Which part answers which question.

use std::time::Duration;

use phoenix_common::spec::GuestSpec;
use phoenix_common::wire::{AgentFailure, Answer, FailureKind, GuestPlan, RequestBody};

use crate::docker::engine::Engine;
use crate::failure::{Failure, failed};
use crate::paths::Paths;
use crate::progress::ProgressLog;
use crate::{facts, guest, job, portainer, stack, swarm};

/// How long any answer may take: who asked waits on the channel.
const ANSWER_DEADLINE: Duration = Duration::from_secs(50);

/// The answer to `body`, or why there is none.
pub async fn answer(paths: &Paths, body: RequestBody) -> Result<Answer, AgentFailure> {
    match tokio::time::timeout(ANSWER_DEADLINE, undelayed(paths, body)).await {
        Ok(answer) => answer,
        Err(_) => Err(failed(
            FailureKind::Retryable,
            format!("no answer within {} s", ANSWER_DEADLINE.as_secs()),
        )),
    }
}

async fn undelayed(paths: &Paths, body: RequestBody) -> Result<Answer, AgentFailure> {
    match body {
        RequestBody::Facts => facts::collect(paths)
            .await
            .map(Answer::Facts)
            .map_err(Failure::into_failure),
        RequestBody::JobStart { job, work } => {
            let job = job.parse().map_err(Failure::into_failure)?;
            let started = job::start::start(paths, &job, &work).await;
            started.map(Answer::JobStart).map_err(Failure::into_failure)
        }
        RequestBody::JobStatus { job, after } => {
            let job = job.parse().map_err(Failure::into_failure)?;
            Ok(Answer::JobStatus(job::status::status(paths, &job, after)))
        }
        RequestBody::PlanGuest(spec) => {
            let plan = inspect(paths, &spec).await?;
            Ok(Answer::PlanGuest(plan.changes))
        }
        RequestBody::InspectGuest(spec) => Ok(Answer::InspectGuest(inspect(paths, &spec).await?)),
        RequestBody::SwarmView => {
            let view = swarm::view::read(&engine(paths).await?).await;
            view.map(Answer::SwarmView).map_err(Failure::into_failure)
        }
        RequestBody::SwarmToken(role) => {
            let token = swarm::token::read(&engine(paths).await?, role).await;
            token.map(Answer::SwarmToken).map_err(Failure::into_failure)
        }
        RequestBody::PlanStack(spec) => {
            let plan = stack::plan(&engine(paths).await?, &spec).await;
            plan.map(Answer::PlanStack).map_err(Failure::into_failure)
        }
        RequestBody::StackStatus { namespace } => {
            let status = stack::status(&engine(paths).await?, &namespace).await;
            status
                .map(Answer::StackStatus)
                .map_err(Failure::into_failure)
        }
        RequestBody::Portainer(spec) => {
            let view = portainer::view(paths, &engine(paths).await?, &spec).await;
            view.map(Answer::Portainer).map_err(Failure::into_failure)
        }
        RequestBody::MissingPaths { paths: sources } => Ok(Answer::MissingPaths(
            stack::bind_folders::missing(paths.root(), &sources),
        )),
        RequestBody::StackVolumes { namespace } => {
            let volumes = stack::volumes(&engine(paths).await?, &namespace).await;
            volumes
                .map(Answer::StackVolumes)
                .map_err(Failure::into_failure)
        }
        RequestBody::SwarmNodeTasks { node_id, services } => {
            let tasks = swarm::tasks::of_node(&engine(paths).await?, &node_id, &services).await;
            tasks
                .map(Answer::SwarmNodeTasks)
                .map_err(Failure::into_failure)
        }
        RequestBody::SwarmNodeUpdate(update) => {
            let mut journal = ProgressLog::to_journal();
            let report = swarm::node::update(&engine(paths).await?, &update, &mut journal).await;
            report
                .map(|report| Answer::SwarmNodeUpdate(report.changes))
                .map_err(Failure::into_failure)
        }
        RequestBody::SwarmStacks => {
            let stacks = stack::all(&engine(paths).await?).await;
            stacks
                .map(Answer::SwarmStacks)
                .map_err(Failure::into_failure)
        }
    }
}

async fn inspect(paths: &Paths, spec: &GuestSpec) -> Result<GuestPlan, AgentFailure> {
    let plan = guest::apply::inspect(paths, spec).await;
    plan.map_err(Failure::into_failure)
}

async fn engine(paths: &Paths) -> Result<Engine, AgentFailure> {
    Engine::connect(&paths.docker_socket())
        .await
        .map_err(Failure::into_failure)
}
