//! Looks at GPUs, at Docker's configuration, and at what the engine offers.

use phoenix_common::fs::read_limited;
use serde_json::Value;

use super::daemon_json::{DaemonJson, is_gpu};
use super::error::GpuError;
use super::plan::ObservedGpus;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::facts::gpus;
use crate::paths::Paths;

pub(super) const FILE: &str = "/etc/docker/daemon.json";
const LIMIT_BYTES: u64 = 1 << 20;

/// What there is.
///
/// # Errors
/// The configuration cannot be read, or the engine answers and does not say.
pub async fn observe(paths: &Paths, engine_answers: bool) -> Result<ObservedGpus, GpuError> {
    let offered = if engine_answers {
        Some(offered(paths).await.map_err(GpuError::Engine)?)
    } else {
        None
    };
    Ok(ObservedGpus {
        found: gpus::observe(paths).await,
        written: read(paths)?.gpus(),
        offered,
    })
}

pub(super) fn read(paths: &Paths) -> Result<DaemonJson, GpuError> {
    let text = match read_limited(&paths.at(FILE), LIMIT_BYTES) {
        Ok(content) => String::from_utf8(content).map_err(|_| GpuError::NoObject)?,
        Err(error) if error.is_not_found() => String::new(),
        Err(error) => return Err(error.into()),
    };
    DaemonJson::parse(&text).ok_or(GpuError::NoObject)
}

async fn offered(paths: &Paths) -> Result<Vec<String>, EngineError> {
    let info = Engine::connect(&paths.docker_socket())
        .await?
        .get("/info")
        .await?;
    Ok(parse(&info))
}

/// `GenericResources` of `/info`.
fn parse(info: &Value) -> Vec<String> {
    let resources = info.get("GenericResources").and_then(Value::as_array);
    let named = resources.into_iter().flatten().filter_map(|resource| {
        let spec = resource.get("NamedResourceSpec")?;
        let word = |key| spec.get(key).and_then(Value::as_str);
        Some(format!("{}={}", word("Kind")?, word("Value")?))
    });
    named.filter(|word| is_gpu(word)).take(1000).collect()
}
