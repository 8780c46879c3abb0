//! A container takes the place of another; what ran before runs again if the new one does not start.

use super::desired::Wanted;
use super::error::InstanceError;
use super::found::before;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use serde_json::Value;

/// How long a container may take to stop, in seconds.
const STOP_SECONDS: u32 = 20;

/// Makes and starts `wanted`. Killed at any step, the next call goes on: the old container waits under its other
/// name.
pub(super) async fn replace(engine: &Engine, wanted: &Wanted) -> Result<(), InstanceError> {
    let name = wanted.name;
    let aside = before(name);
    rename(engine, name, &aside).await?;
    let had_one = stop(engine, &aside).await?;
    let made = create(engine, wanted).await;
    match made {
        Ok(()) => remove(engine, &aside).await.map_err(Into::into),
        Err(source) => {
            remove(engine, name).await?;
            if had_one {
                rename(engine, &aside, name).await?;
                start(engine, name).await?;
            }
            Err(InstanceError::Start {
                name: name.to_owned(),
                restored: had_one,
                source,
            })
        }
    }
}

async fn create(engine: &Engine, wanted: &Wanted) -> Result<(), EngineError> {
    let path = format!("/containers/create?name={}", wanted.name);
    engine.post(&path, &wanted.body, &[]).await?;
    start(engine, wanted.name).await
}

pub(super) async fn start(engine: &Engine, name: &str) -> Result<(), EngineError> {
    let path = format!("/containers/{name}/start");
    engine.post(&path, &Value::Null, &[]).await.map(drop)
}

/// A container and its anonymous volumes; named volumes stay. One that is gone is fine.
pub(super) async fn remove(engine: &Engine, name: &str) -> Result<(), EngineError> {
    let path = format!("/containers/{name}?force=1&v=1");
    match engine.delete(&path).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result.map(drop),
    }
}

/// Whether there was one to stop.
async fn stop(engine: &Engine, name: &str) -> Result<bool, EngineError> {
    let path = format!("/containers/{name}/stop?t={STOP_SECONDS}");
    match engine.post(&path, &Value::Null, &[]).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

async fn rename(engine: &Engine, from: &str, to: &str) -> Result<(), EngineError> {
    let path = format!("/containers/{from}/rename?name={to}");
    match engine.post(&path, &Value::Null, &[]).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result.map(drop),
    }
}
