//! Which nodes a service's tasks may run on, by its constraints: as swarmkit's scheduler reads them. Pure.

use serde_json::Value;

/// Whether every constraint lets a task onto the node, which is told as `GET /nodes` tells it. What is not
/// known here (addresses) keeps no node out.
pub fn fits(constraints: &[String], node: &Value) -> bool {
    constraints.iter().all(|text| fits_one(text, node))
}

fn fits_one(text: &str, node: &Value) -> bool {
    let (key, value, equal) = match (text.split_once("=="), text.split_once("!=")) {
        (Some((key, value)), _) => (key.trim(), value.trim(), true),
        (None, Some((key, value))) => (key.trim(), value.trim(), false),
        (None, None) => return true,
    };
    let Some(actual) = actual(key, node) else {
        return true;
    };
    actual.eq_ignore_ascii_case(value) == equal
}

/// The node's own value; `None` for a key that is not known here. A label that is not set is empty.
fn actual<'node>(key: &str, node: &'node Value) -> Option<&'node str> {
    let text = |pointer: &str| {
        Some(
            node.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default(),
        )
    };
    let label = |pointer: &str, name: &str| {
        let labels = node.pointer(pointer).and_then(|labels| labels.get(name));
        Some(labels.and_then(Value::as_str).unwrap_or_default())
    };
    let lower = key.to_ascii_lowercase();
    match lower.as_str() {
        "node.id" => text("/ID"),
        "node.hostname" => text("/Description/Hostname"),
        "node.role" => text("/Spec/Role"),
        "node.platform.os" => text("/Description/Platform/OS"),
        _ => {
            let after =
                |prefix: &str| lower.starts_with(prefix).then(|| key.get(prefix.len()..))?;
            if let Some(name) = after("node.labels.") {
                return label("/Spec/Labels", name);
            }
            label("/Description/Engine/Labels", after("engine.labels.")?)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn constraints_are_read_as_the_scheduler_reads_them() {
        let node = json!({"ID": "n1", "Spec": {"Role": "manager", "Labels": {"phoenix.vmid": "1001", "gpu": "True"}},
            "Description": {"Hostname": "one", "Platform": {"OS": "linux"}}});
        for (text, wanted) in [
            ("node.labels.phoenix.vmid == 1001", true),
            ("node.labels.phoenix.vmid==1002", false),
            ("node.labels.gpu == true", true),
            ("node.labels.none != x", true),
            ("node.labels.none == x", false),
            ("node.role != manager", false),
            ("NODE.HOSTNAME == One", true),
            ("node.id == n2", false),
            ("engine.labels.a == b", false),
            ("node.ip == 10.0.0.0/8", true),
        ] {
            assert_eq!(fits(&[text.to_owned()], &node), wanted, "{text}");
        }
    }
}
