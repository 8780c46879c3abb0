//! Values of Proxmox's answers: numbers and booleans come as numbers or as texts, and not always the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::pve::conf::GuestConf;

/// A value as a configuration file would hold it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => u8::from(*flag).to_string(),
        other => other.to_string(),
    }
}

/// `1`, `"1"` and `true` are true.
pub(super) fn is_true(value: &Value) -> bool {
    text(value) == "1"
}

/// `GET …/config`: the values without the digest, and the digest.
pub(super) fn config(answer: &Value) -> (GuestConf, String) {
    let mut current: BTreeMap<String, String> = (answer.as_object().into_iter().flatten())
        .map(|(key, value)| (key.clone(), text(value)))
        .collect();
    let digest = current.remove("digest").unwrap_or_default();
    let conf = GuestConf::of_parts(current, BTreeMap::new(), BTreeSet::new());
    (conf, digest)
}

/// `GET …/pending`: a list of keys, each with its current and its pending value.
pub(super) fn pending(answer: &Value) -> GuestConf {
    let (mut current, mut pending, mut gone) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    for entry in answer.as_array().into_iter().flatten() {
        let Some(key) = entry.get("key").and_then(Value::as_str) else {
            continue;
        };
        if key == "digest" {
            continue;
        }
        if let Some(value) = entry.get("value") {
            current.insert(key.to_owned(), text(value));
        }
        if let Some(value) = entry.get("pending") {
            pending.insert(key.to_owned(), text(value));
        }
        if entry.get("delete").is_some() {
            gone.insert(key.to_owned());
        }
    }
    GuestConf::of_parts(current, pending, gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pending_values_stand_beside_the_current_ones() {
        let conf = pending(&json!([
            {"key": "digest", "value": "0d21"},
            {"key": "onboot", "value": 1},
            {"key": "cores", "value": 1, "pending": "4"},
            {"key": "serial0", "value": "socket", "delete": 1},
            {"key": "description", "value": "a\nb"},
        ]));
        assert_eq!(conf.get("onboot"), Some("1"));
        assert_eq!(
            (conf.get("cores"), conf.wanted("cores")),
            (Some("1"), Some("4"))
        );
        assert_eq!((conf.wanted("serial0"), conf.get("digest")), (None, None));
        assert_eq!(conf.description(), "a\nb");
    }

    #[test]
    fn a_configuration_comes_with_its_digest() {
        let (conf, digest) = config(&json!({"memory": "512", "kvm": 0, "digest": "fa48"}));
        assert_eq!(
            (conf.get("memory"), conf.get("kvm")),
            (Some("512"), Some("0"))
        );
        assert_eq!(digest, "fa48");
    }
}
