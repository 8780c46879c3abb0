//! What the engine held before a step, from what was recorded after the step before.

use phoenix_guest_agent::stack::live::{Live, LiveObject};
use serde_json::{Value, json};

use super::case::Case;

pub(crate) fn before(case: &Case, index: usize) -> Live {
    let mut live = Live::default();
    for (kind, names) in &case.externals {
        for name in names {
            add(
                &mut live,
                kind,
                &json!({"Name": name, "Scope": "swarm", "Labels": {}}),
            );
        }
    }
    if let Some(previous) = index.checked_sub(1) {
        let specs = case.expected(previous, "specs");
        for kind in ["networks", "configs", "secrets", "services"] {
            for spec in specs[kind].as_array().into_iter().flatten() {
                add(&mut live, kind, spec);
            }
        }
    }
    live
}

/// Ids are recorded as `@kind:name`.
pub(crate) fn add(live: &mut Live, kind: &str, spec: &Value) {
    let name = spec["Name"].as_str().unwrap().to_owned();
    let (objects, singular) = match kind {
        "networks" => (&mut live.networks, "network"),
        "configs" => (&mut live.configs, "config"),
        "secrets" => (&mut live.secrets, "secret"),
        "services" => (&mut live.services, "service"),
        other => panic!("unknown kind {other}"),
    };
    let object = LiveObject {
        id: format!("@{singular}:{name}"),
        version: 7,
        spec: spec.clone(),
    };
    objects.insert(name, object);
}
