//! Swarm configs and secrets of a guest in memory.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api::{Reply, has_labels};
use super::objects::{Blob, Service, Store};
use crate::doubles::portainer::random::random_hex;
use crate::doubles::portainer::wire::Call;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Config,
    Secret,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Secret => "secret",
        }
    }

    fn list(self, store: &mut Store) -> &mut Vec<Blob> {
        match self {
            Self::Config => &mut store.configs,
            Self::Secret => &mut store.secrets,
        }
    }
}

/// `rest`: the path after `configs/` or `secrets/`.
pub(super) fn answer(store: &mut Store, call: &Call, kind: Kind, rest: &[&str]) -> Reply {
    match (call.method.as_str(), rest) {
        ("GET", []) => {
            let listed = kind.list(store).iter();
            let listed = listed.filter(|one| has_labels(call, &labels(one)));
            (200, listed.map(shown).collect())
        }
        ("POST", ["create"]) => {
            let version = store.next_version();
            let list = kind.list(store);
            match new_blob(list, call, kind, version) {
                Ok(blob) => {
                    let id = blob.id.clone();
                    list.push(blob);
                    (201, json!({"ID": id}))
                }
                Err(reply) => reply,
            }
        }
        (method, [name]) => {
            let is_this = |one: &&Blob| one.name() == *name || one.id == *name;
            let found = kind.list(store).iter().find(is_this).cloned();
            match (method, found) {
                (_, None) => not_found(kind, name),
                ("GET", Some(one)) => (200, shown(&one)),
                (_, Some(one)) => remove(store, kind, &one),
            }
        }
        _ => (404, json!({"message": "page not found"})),
    }
}

fn not_found(kind: Kind, name: &str) -> Reply {
    let text = format!("{} {name} not found", kind.name());
    (404, json!({"message": text}))
}

fn remove(store: &mut Store, kind: Kind, one: &Blob) -> Reply {
    let name = one.name();
    let uses =
        |service: &&Service| kind == Kind::Config && service.configs.iter().any(|has| has == name);
    if let Some(service) = store.services.iter().find(uses) {
        let text = format!(
            "rpc error: code = InvalidArgument desc = {} '{name}' is in use by the following \
             service: {}",
            kind.name(),
            service.name
        );
        return (400, json!({"message": text}));
    }
    kind.list(store).retain(|other| other.id != one.id);
    (204, Value::Null)
}

fn shown(one: &Blob) -> Value {
    json!({
        "ID": one.id, "Version": {"Index": one.version}, "CreatedAt": "2026-01-01T00:00:00Z",
        "UpdatedAt": "2026-01-01T00:00:00Z", "Spec": one.spec,
    })
}

fn labels(one: &Blob) -> BTreeMap<String, String> {
    let labels = one.spec.get("Labels").cloned().unwrap_or_default();
    serde_json::from_value(labels).unwrap_or_default()
}

fn new_blob(list: &[Blob], call: &Call, kind: Kind, version: u64) -> Result<Blob, Reply> {
    let mut spec: Value = serde_json::from_slice(&call.body)
        .map_err(|error| (400, json!({"message": error.to_string()})))?;
    let name = spec.get("Name").and_then(Value::as_str).unwrap_or_default();
    let data = spec.get("Data").and_then(Value::as_str).unwrap_or_default();
    let refused = |status, text: String| Err((status, json!({"message": text})));
    if STANDARD.decode(data).is_err() {
        return refused(400, "illegal base64 data at input byte 0".to_owned());
    }
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
        let text = "rpc error: code = InvalidArgument desc = invalid name, only 64 [a-zA-Z0-9-_.] \
                    characters allowed, and the start and end character must be [a-zA-Z0-9]";
        return refused(400, text.to_owned());
    }
    if list.iter().any(|one| one.name() == name) {
        let text = format!(
            "rpc error: code = AlreadyExists desc = {} {name} already exists",
            kind.name()
        );
        return refused(409, text);
    }
    if let Some(spec) = spec.as_object_mut() {
        spec.entry("Labels").or_insert_with(|| json!({}));
        if kind == Kind::Secret {
            spec.remove("Data");
        }
    }
    let id = random_hex(12) + "b";
    Ok(Blob { id, version, spec })
}
