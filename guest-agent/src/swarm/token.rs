//! Join tokens, from a manager.

use phoenix_common::secret::Secret;
use phoenix_common::wire::SwarmRole;
use serde_json::Value;

use super::error::SwarmError;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// The token with which a node joins as `role`.
///
/// # Errors
/// This guest is no manager, or its Swarm has no leader.
pub async fn read(engine: &Engine, role: SwarmRole) -> Result<Secret, SwarmError> {
    let swarm = engine.get("/swarm").await?;
    let field = match role {
        SwarmRole::Manager => "/JoinTokens/Manager",
        SwarmRole::Worker => "/JoinTokens/Worker",
    };
    match swarm.pointer(field).and_then(Value::as_str) {
        Some(token) if !token.is_empty() => Ok(Secret::new(token)),
        _ => Err(EngineError::Field {
            asked: "GET /swarm".to_owned(),
            field: "JoinTokens",
        }
        .into()),
    }
}
