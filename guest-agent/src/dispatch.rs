//! Which part answers which question.

use std::time::Duration;

use phoenix_common::wire::{AgentFailure, Answer, FailureKind, RequestBody};

use crate::failure::{Failure, failed};
use crate::paths::Paths;
use crate::{facts, job};

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
        _ => Err(failed(FailureKind::Failed, "not built in")),
    }
}
