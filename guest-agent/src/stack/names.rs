//! Names and labels of a stack's parts.

use std::collections::BTreeMap;

use super::spec::NAMESPACE_LABEL;

/// A stack's name, which goes before the names of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

/// Longest name of a service: a DNS label.
pub const SERVICE_NAME_LIMIT: usize = 63;
/// Longest name of a config or secret.
pub const OBJECT_NAME_LIMIT: usize = 64;

impl Namespace {
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    /// `<stack>_<key>`
    pub fn scoped(&self, key: &str) -> String {
        format!("{}_{key}", self.0)
    }

    /// The given name, or the scoped key where none was given.
    pub fn name_of(&self, key: &str, given: &str) -> String {
        if given.is_empty() {
            self.scoped(key)
        } else {
            given.to_owned()
        }
    }

    /// The key a scoped name stands for; a foreign name stays as it is.
    pub fn key_of<'name>(&self, name: &'name str) -> &'name str {
        name.strip_prefix(&self.0)
            .and_then(|rest| rest.strip_prefix('_'))
            .unwrap_or(name)
    }

    /// The labels with that of the stack, which wins over the author's.
    pub fn labelled(&self, labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut labels = labels.clone();
        labels.insert(NAMESPACE_LABEL.to_owned(), self.0.clone());
        labels
    }
}

/// Whether the engine takes `name` for a service (`^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$`).
pub fn is_service_name(name: &str) -> bool {
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    name.len() <= SERVICE_NAME_LIMIT
        && ends(name.chars().next())
        && ends(name.chars().last())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
}

/// Whether the engine takes `name` for a config or secret.
pub fn is_object_name(name: &str) -> bool {
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    name.len() <= OBJECT_NAME_LIMIT
        && ends(name.chars().next())
        && ends(name.chars().last())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
}

/// Networks every node has of its own: never created, never looked up, without aliases.
pub fn is_node_network(name: &str) -> bool {
    matches!(name, "default" | "bridge" | "host" | "none") || name.starts_with("container:")
}
