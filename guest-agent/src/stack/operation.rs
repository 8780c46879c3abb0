//! The writes of a deploy, each as one call to the engine.

use serde_json::{Value, json};

use super::spec::{NetworkSpec, ObjectSpec, ServiceSpec};

/// Configs and secrets go the same ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    Secret,
    Config,
}

impl ObjectKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    /// The first part of its paths.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Secret => "/secrets",
            Self::Config => "/configs",
        }
    }
}

/// One write.
#[derive(Debug, Clone)]
pub enum Operation {
    RemoveService {
        name: String,
        id: String,
    },
    RemoveNetwork {
        name: String,
        id: String,
    },
    RemoveObject {
        kind: ObjectKind,
        name: String,
        id: String,
    },
    CreateNetwork(NetworkSpec),
    CreateObject(ObjectKind, ObjectSpec),
    /// Labels only: content cannot change in place.
    UpdateObject {
        kind: ObjectKind,
        target: Target,
        spec: ObjectSpec,
    },
    CreateService(Box<ServiceSpec>),
    UpdateService {
        target: Target,
        spec: Box<ServiceSpec>,
    },
}

/// What an update is aimed at; the engine refuses it if the version moved meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub id: String,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Post,
    Delete,
}

/// A call as the engine takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub method: Method,
    /// Path and query, without the API version.
    pub path: String,
    pub body: Value,
}

impl Operation {
    /// The call for it.
    pub fn call(&self) -> Call {
        let post = |path: String, body: Value| Call {
            method: Method::Post,
            path,
            body,
        };
        let delete = |path: String| Call {
            method: Method::Delete,
            path,
            body: Value::Null,
        };
        match self {
            Self::RemoveService { id, .. } => delete(format!("/services/{id}")),
            Self::RemoveNetwork { id, .. } => delete(format!("/networks/{id}")),
            Self::RemoveObject { kind, id, .. } => delete(format!("{}/{id}", kind.collection())),
            Self::CreateNetwork(spec) => post("/networks/create".to_owned(), json!(spec)),
            Self::CreateObject(kind, spec) => {
                post(format!("{}/create", kind.collection()), json!(spec))
            }
            Self::UpdateObject { kind, target, spec } => {
                let Target { id, version } = target;
                let path = format!("{}/{id}/update?version={version}", kind.collection());
                post(path, json!(spec))
            }
            Self::CreateService(spec) => post("/services/create".to_owned(), json!(spec)),
            Self::UpdateService { target, spec } => {
                let Target { id, version } = target;
                post(
                    format!("/services/{id}/update?version={version}"),
                    json!(spec),
                )
            }
        }
    }

    /// The name of what is written.
    pub fn subject_name(&self) -> &str {
        match self {
            Self::RemoveService { name, .. }
            | Self::RemoveNetwork { name, .. }
            | Self::RemoveObject { name, .. } => name,
            Self::CreateNetwork(spec) => &spec.name,
            Self::CreateObject(_, spec) | Self::UpdateObject { spec, .. } => &spec.name,
            Self::CreateService(spec) | Self::UpdateService { spec, .. } => &spec.name,
        }
    }

    /// On what: `service dev1_shop_web`.
    pub fn subject(&self) -> String {
        match self {
            Self::RemoveService { name, .. } => format!("service {name}"),
            Self::RemoveNetwork { name, .. } => format!("network {name}"),
            Self::RemoveObject { kind, name, .. } => format!("{} {name}", kind.word()),
            Self::CreateNetwork(spec) => format!("network {}", spec.name),
            Self::CreateObject(kind, spec) | Self::UpdateObject { kind, spec, .. } => {
                format!("{} {}", kind.word(), spec.name)
            }
            Self::CreateService(spec) | Self::UpdateService { spec, .. } => {
                format!("service {}", spec.name)
            }
        }
    }
}
