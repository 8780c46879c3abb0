//! The membership as this guest's engine sees it.

use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::wire::Membership;
use serde_json::Value;

use super::error::SwarmError;
use crate::docker::engine::Engine;
use crate::facts;

/// How long a membership may be pending before that is taken for its state: after a start of the engine it
/// is pending for a moment, after a failed join for ever.
const SETTLE_DEADLINE: Duration = Duration::from_secs(10);

/// What `/info` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnState {
    pub membership: Membership,
    /// Empty as long as no manager has ever made this node a member.
    pub node_id: String,
    /// `address:2377` of the managers this node knows.
    pub remote_managers: Vec<String>,
}

/// Reads the state now.
pub async fn read(engine: &Engine) -> Result<OwnState, SwarmError> {
    let info = engine.get("/info").await?;
    let swarm = info.get("Swarm").unwrap_or(&Value::Null);
    Ok(OwnState {
        membership: facts::docker::membership(swarm).map_err(SwarmError::State)?,
        node_id: swarm
            .get("NodeID")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        remote_managers: facts::docker::remote_managers(swarm),
    })
}

/// Reads the state once it is no longer pending, or still is after ten seconds.
pub async fn settled(engine: &Engine) -> Result<OwnState, SwarmError> {
    wait(engine, SETTLE_DEADLINE, |membership| {
        !matches!(membership, Membership::Pending)
    })
    .await
}

/// Waits until the node is a member with a working connection.
pub async fn joined(engine: &Engine, deadline: Duration) -> Result<OwnState, SwarmError> {
    let is_member = |membership: &Membership| {
        matches!(
            membership,
            Membership::Worker { .. } | Membership::Manager { .. }
        )
    };
    let state = wait(engine, deadline, is_member).await?;
    if is_member(&state.membership) {
        return Ok(state);
    }
    Err(SwarmError::NotReached {
        wanted: "active",
        seconds: deadline.as_secs(),
    })
}

/// Reads until `enough` or until the deadline, then returns the last state.
async fn wait(
    engine: &Engine,
    deadline: Duration,
    enough: impl Fn(&Membership) -> bool,
) -> Result<OwnState, SwarmError> {
    let deadline = Deadline::after(deadline);
    let mut pauses = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
    loop {
        let state = read(engine).await?;
        if enough(&state.membership) || deadline.has_passed() {
            return Ok(state);
        }
        tokio::time::sleep(pauses.next().unwrap_or_default()).await;
    }
}
