//! Makes this guest a member of a Swarm that exists.

use std::time::Duration;

use bollard::models::SwarmJoinRequest;
use phoenix_common::wire::{Change, ChangeVerb, SwarmJoin, WorkReport};

use super::decide::{self, Step};
use super::error::SwarmError;
use super::init::{LISTEN_ADDRESS, check_address};
use super::refusal::SwarmRefusal;
use super::{leave, state};
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::progress::ProgressLog;

/// Joins unless this guest is a member of that Swarm already.
///
/// # Errors
/// It is a member of another one, no manager answers, or the token is refused.
pub async fn run(
    engine: &Engine,
    request: &SwarmJoin,
    progress: &mut ProgressLog,
) -> Result<WorkReport, SwarmError> {
    if request.managers.is_empty() {
        return Err(SwarmError::NoManagers);
    }
    check_address(&request.advertise_address)?;
    match decide::join(&state::settled(engine).await?, &request.managers)? {
        Step::Nothing => {
            progress.step("swarm", "this guest is a member already");
            return Ok(WorkReport::default());
        }
        Step::LeaveThenEnter => leave::force(engine, progress).await?,
        Step::Enter => {}
    }
    let managers = request.managers.join(", ");
    progress.step("swarm", &format!("join at {managers}"));
    if let Err(error) = join(engine, request).await {
        if error.refusal() == Some(SwarmRefusal::JoinTimeout) {
            // The engine goes on in the background and would refuse the next attempt.
            leave::force(engine, progress).await?;
        }
        return Err(error);
    }
    state::joined(engine, Duration::from_secs(30)).await?;
    progress.step("swarm", "joined");
    Ok(WorkReport {
        changes: vec![Change {
            verb: ChangeVerb::Create,
            subject: "swarm membership".to_owned(),
            fields: Vec::new(),
        }],
        warnings: Vec::new(),
    })
}

async fn join(engine: &Engine, request: &SwarmJoin) -> Result<(), SwarmError> {
    let body = SwarmJoinRequest {
        listen_addr: Some(LISTEN_ADDRESS.to_owned()),
        advertise_addr: Some(request.advertise_address.clone()),
        data_path_addr: None,
        remote_addrs: Some(request.managers.clone()),
        join_token: Some(request.token.expose().to_owned()),
    };
    // The engine itself gives up after 20 s.
    let slow = engine.with_call_deadline(Duration::from_mins(1))?;
    slow.docker()
        .join_swarm(body)
        .await
        .map_err(|error| EngineError::from_bollard("POST /swarm/join", error).into())
}
