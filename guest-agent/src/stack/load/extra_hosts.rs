//! `extra_hosts`, in the form `host:address`.

use super::Load;
use super::fields::Fields;
use crate::stack::yaml::Value;

/// Entries without an address are dropped, as docker does.
pub(super) fn load(load: &mut Load<'_>, fields: &Fields<'_>) -> Vec<String> {
    let pairs: Vec<(String, String)> = match fields.get("extra_hosts").map(|node| &node.value) {
        Some(Value::Map(map)) => {
            let mut pairs: Vec<(String, String)> = map
                .entries
                .iter()
                .filter(|entry| entry.node.value != Value::Null)
                .filter_map(|entry| Some((entry.key.clone(), entry.node.value.to_text()?)))
                .collect();
            pairs.sort_by_key(|(host, address)| format!("{host}:{address}"));
            pairs
        }
        Some(Value::List(_)) => {
            let entries = fields.texts("extra_hosts", load).unwrap_or_default();
            entries
                .iter()
                .filter_map(|entry| entry.split_once('=').or_else(|| entry.split_once(':')))
                .map(|(host, address)| (host.to_owned(), address.to_owned()))
                .collect()
        }
        _ => Vec::new(),
    };
    pairs
        .iter()
        .map(|(host, address)| format!("{host}:{}", bare(address)))
        .collect()
}

/// `[::1]` without its brackets.
fn bare(address: &str) -> &str {
    address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .filter(|inner| !inner.is_empty())
        .unwrap_or(address)
}
