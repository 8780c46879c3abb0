//! Services and their tasks as the engine tells them.

use serde_json::{Value, json};

use super::names::Namespace;
use super::snapshot::label_query;
use super::spec::NAMESPACE_LABEL;
use crate::docker::engine::{Engine, percent_encode};
use crate::docker::error::EngineError;

/// A task, as far as it tells how its service fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub service_id: String,
    /// Replica number; 0 for tasks of global services, which have one per node.
    pub slot: u64,
    pub node_id: String,
    pub desired_state: String,
    pub state: String,
    /// The engine's reason, empty if there is none.
    pub error: String,
    /// RFC 3339, of the last change.
    pub timestamp: String,
}

/// A service with what the engine knows of its state.
#[derive(Debug, Clone)]
pub struct RunningService {
    pub id: String,
    pub name: String,
    pub version: u64,
    pub spec: Value,
    pub update: UpdateState,
    /// How many tasks the engine wants; `None` if it does not say.
    pub wanted_tasks: Option<u64>,
}

impl RunningService {
    /// The stack it belongs to, if any.
    pub fn namespace(&self) -> Option<&str> {
        self.spec.get("Labels")?.get(NAMESPACE_LABEL)?.as_str()
    }
}

/// `UpdateStatus` of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateState {
    /// Empty when no update was made since the service was created.
    pub state: String,
    pub message: String,
}

/// The stack's services, by name.
pub async fn services(
    engine: &Engine,
    namespace: &Namespace,
) -> Result<Vec<RunningService>, EngineError> {
    let query = format!("&{}", label_query(namespace));
    let mut services = listed_services(engine, &query).await?;
    services.retain(|service| service.namespace() == Some(namespace.name()));
    Ok(services)
}

/// Every service of the Swarm, by name.
pub async fn all_services(engine: &Engine) -> Result<Vec<RunningService>, EngineError> {
    listed_services(engine, "").await
}

async fn listed_services(engine: &Engine, query: &str) -> Result<Vec<RunningService>, EngineError> {
    let answer = engine.get(&format!("/services?status=true{query}")).await?;
    let services = answer.as_array().into_iter().flatten().map(service);
    let mut services: Vec<RunningService> = services.collect();
    services.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(services)
}

/// The stack's tasks. `current`: only those of their service's present spec.
pub async fn tasks(
    engine: &Engine,
    namespace: &Namespace,
    current: bool,
) -> Result<Vec<Task>, EngineError> {
    let mut filters = json!({"label": [format!("{NAMESPACE_LABEL}={}", namespace.name())]});
    if current {
        filters["_up-to-date"] = json!(["true"]);
    }
    listed_tasks(engine, &filters).await
}

/// The tasks of every service's present spec.
pub async fn all_current_tasks(engine: &Engine) -> Result<Vec<Task>, EngineError> {
    listed_tasks(engine, &json!({"_up-to-date": ["true"]})).await
}

async fn listed_tasks(engine: &Engine, filters: &Value) -> Result<Vec<Task>, EngineError> {
    let path = format!("/tasks?filters={}", percent_encode(&filters.to_string()));
    let answer = engine.get(&path).await?;
    Ok(answer.as_array().into_iter().flatten().map(task).collect())
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn service(answer: &Value) -> RunningService {
    RunningService {
        id: text(answer, "/ID"),
        name: text(answer, "/Spec/Name"),
        version: answer
            .pointer("/Version/Index")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        spec: answer.get("Spec").cloned().unwrap_or_default(),
        update: UpdateState {
            state: text(answer, "/UpdateStatus/State"),
            message: text(answer, "/UpdateStatus/Message"),
        },
        wanted_tasks: answer
            .pointer("/ServiceStatus/DesiredTasks")
            .and_then(Value::as_u64),
    }
}

fn task(answer: &Value) -> Task {
    Task {
        service_id: text(answer, "/ServiceID"),
        slot: answer
            .get("Slot")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        node_id: text(answer, "/NodeID"),
        desired_state: text(answer, "/DesiredState"),
        state: text(answer, "/Status/State"),
        error: text(answer, "/Status/Err"),
        timestamp: text(answer, "/Status/Timestamp"),
    }
}
