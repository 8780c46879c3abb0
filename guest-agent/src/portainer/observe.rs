//! Portainer's containers as they are, and the certificate the server shows.

use std::path::Path;

use phoenix_common::fs::read_limited;
use serde_json::{Value, json};

use super::desired::{AGENT, SERVER, SPEC_LABEL};
use super::error::InstanceError;
use super::found::{Found, FoundContainer, before};
use crate::docker::engine::{Engine, percent_encode};
use crate::paths::Paths;

/// Where the server keeps its certificate, below its data folder.
const CERTIFICATE: &str = "certs/cert.pem";
const CERTIFICATE_LIMIT_BYTES: u64 = 64 << 10;
/// The server as a Swarm service.
const SERVER_SERVICE: &str = "portainer_service_portainer";

pub(super) async fn observe(paths: &Paths, engine: &Engine) -> Result<Found, InstanceError> {
    let mut server = inspect(engine, SERVER).await?;
    if server.is_none() {
        server = task_of_service(engine).await?;
    }
    let mut put_aside = Vec::new();
    for name in [SERVER, AGENT] {
        let name = before(name);
        if inspect(engine, &name).await?.is_some() {
            put_aside.push(name);
        }
    }
    Ok(Found {
        certificate: match server.as_ref().and_then(|server| server.data.as_deref()) {
            Some(data) => certificate(paths, data)?,
            None => None,
        },
        server,
        agent: inspect(engine, AGENT).await?,
        put_aside,
        has_password_file: paths.portainer_password().is_file(),
    })
}

async fn inspect(engine: &Engine, name: &str) -> Result<Option<FoundContainer>, InstanceError> {
    match engine.get(&format!("/containers/{name}/json")).await {
        Ok(answer) => Ok(Some(parse(&answer))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The running container of the server's Swarm service on this guest.
async fn task_of_service(engine: &Engine) -> Result<Option<FoundContainer>, InstanceError> {
    let label = format!("com.docker.swarm.service.name={SERVER_SERVICE}");
    let filters = json!({"label": [label], "status": ["running"]}).to_string();
    let path = format!("/containers/json?filters={}", percent_encode(&filters));
    let list = engine.get(&path).await?;
    let id = list
        .get(0)
        .and_then(|first| first.get("Id"))
        .and_then(Value::as_str);
    match id {
        Some(id) => inspect(engine, &percent_encode(id)).await,
        None => Ok(None),
    }
}

fn parse(answer: &Value) -> FoundContainer {
    let text = |pointer: &str| {
        let found = answer.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let labels = answer.pointer("/Config/Labels");
    let digest = labels.and_then(|labels| labels.get(SPEC_LABEL)?.as_str());
    let mounts = answer.get("Mounts").and_then(Value::as_array);
    let data = mounts.into_iter().flatten().find_map(|mount| {
        let is_data = mount.get("Destination").and_then(Value::as_str) == Some("/data");
        let source = mount.get("Source").and_then(Value::as_str);
        source.filter(|_| is_data)
    });
    FoundContainer {
        name: text("/Name").trim_start_matches('/').to_owned(),
        image: text("/Config/Image"),
        state: text("/State/Status"),
        digest: digest.map(str::to_owned),
        data: data.map(str::to_owned),
    }
}

/// `None` while the server has made none yet.
fn certificate(paths: &Paths, data: &str) -> Result<Option<String>, InstanceError> {
    let path = paths.at(&Path::new(data).join(CERTIFICATE).to_string_lossy());
    match read_limited(&path, CERTIFICATE_LIMIT_BYTES) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
