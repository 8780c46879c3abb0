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
        RequestBody::Facts => told(facts::collect(paths).await, Answer::Facts),
        RequestBody::JobStart { job, work } => {
            let job = job.parse().map_err(Failure::into_failure)?;
            let started = job::start::start(paths, &job, &work).await;
            told(started, Answer::JobStart)
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
            told(view, Answer::SwarmView)
        }
        RequestBody::SwarmToken(role) => {
            let token = swarm::token::read(&engine(paths).await?, role).await;
            told(token, Answer::SwarmToken)
        }
        RequestBody::PlanStack(spec) => {
            let plan = stack::plan(&engine(paths).await?, &spec).await;
            told(plan, Answer::PlanStack)
        }
        RequestBody::StackStatus { namespace } => {
            let status = stack::status(&engine(paths).await?, &namespace).await;
            told(status, Answer::StackStatus)
        }
        RequestBody::Portainer(spec) => {
            let view = portainer::view(paths, &engine(paths).await?, &spec).await;
            told(view, Answer::Portainer)
        }
        RequestBody::MissingPaths { paths: sources } => Ok(Answer::MissingPaths(
            stack::bind_folders::missing(paths.root(), &sources),
        )),
        RequestBody::StackVolumes { namespace } => {
            let volumes = stack::volumes(&engine(paths).await?, &namespace).await;
            told(volumes, Answer::StackVolumes)
        }
        RequestBody::SwarmNodeTasks { node_id, services } => {
            let tasks = swarm::tasks::of_node(&engine(paths).await?, &node_id, &services).await;
            told(tasks, Answer::SwarmNodeTasks)
        }
        RequestBody::SwarmNodeUpdate(update) => {
            let mut journal = ProgressLog::to_journal();
            let report = swarm::node::update(&engine(paths).await?, &update, &mut journal).await;
            told(report, |report| Answer::SwarmNodeUpdate(report.changes))
        }
        RequestBody::SwarmStacks => {
            let stacks = stack::all(&engine(paths).await?).await;
            told(stacks, Answer::SwarmStacks)
        }
    }
}

async fn inspect(paths: &Paths, spec: &GuestSpec) -> Result<GuestPlan, AgentFailure> {
    let plan = guest::apply::inspect(paths, spec).await;
    plan.map_err(Failure::into_failure)
}

fn told<T, E: Failure>(
    result: Result<T, E>,
    answer: fn(T) -> Answer,
) -> Result<Answer, AgentFailure> {
    result.map(answer).map_err(Failure::into_failure)
}

async fn engine(paths: &Paths) -> Result<Engine, AgentFailure> {
    Engine::connect(&paths.docker_socket())
        .await
        .map_err(Failure::into_failure)
}
