//! What exists in the engine already, as far as a stack may touch it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::operation::ObjectKind;
use super::ports::ForeignPort;
use super::spec::NAMESPACE_LABEL;

/// A snapshot, by name.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// All networks, not only the stack's: services name them by id.
    pub networks: BTreeMap<String, LiveObject>,
    /// Names of networks that no list shows, by id: what services mean by `host` and `bridge`.
    pub hidden_networks: BTreeMap<String, String>,
    pub configs: BTreeMap<String, LiveObject>,
    pub secrets: BTreeMap<String, LiveObject>,
    /// Secrets without a label that tells their content, of which the engine says that it is the desired one.
    pub same_secrets: BTreeSet<String>,
    /// The stack's own services.
    pub services: BTreeMap<String, LiveObject>,
    /// Names that services of others have.
    pub foreign_services: BTreeSet<String>,
    /// Ports that services of others publish.
    pub foreign_ports: Vec<ForeignPort>,
}

/// Something the engine keeps under an id. Networks have no version: it is 0.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveObject {
    pub id: String,
    pub version: u64,
    /// The spec in the engine's words; for a network, the network itself.
    pub spec: Value,
}

impl LiveObject {
    pub fn label(&self, name: &str) -> Option<&str> {
        self.spec.get("Labels")?.get(name)?.as_str()
    }

    /// Whether it carries the label of that stack.
    pub fn is_of(&self, namespace: &str) -> bool {
        self.label(NAMESPACE_LABEL) == Some(namespace)
    }

    /// From a list or inspect answer of the engine. Networks have the name at the top, others in their spec.
    pub fn from_answer(answer: &Value) -> Option<(String, Self)> {
        let text =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let id = text(answer, "ID").or_else(|| text(answer, "Id"))?;
        let spec = answer.get("Spec").unwrap_or(answer).clone();
        let version = answer
            .pointer("/Version/Index")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let name = text(&spec, "Name")?;
        Some((name, Self { id, version, spec }))
    }
}

impl Live {
    /// The name of the network with that id; the id itself if there is none.
    pub fn network_name<'live>(&'live self, id: &'live str) -> &'live str {
        let listed = self.networks.iter().find(|(_, network)| network.id == id);
        let hidden = || self.hidden_networks.get(id).map(String::as_str);
        listed
            .map(|(name, _)| name.as_str())
            .or_else(hidden)
            .unwrap_or(id)
    }
}

impl Live {
    pub fn objects(&self, kind: ObjectKind) -> &BTreeMap<String, LiveObject> {
        match kind {
            ObjectKind::Secret => &self.secrets,
            ObjectKind::Config => &self.configs,
        }
    }

    pub fn objects_mut(&mut self, kind: ObjectKind) -> &mut BTreeMap<String, LiveObject> {
        match kind {
            ObjectKind::Secret => &mut self.secrets,
            ObjectKind::Config => &mut self.configs,
        }
    }
}
