//! Specs in one form, so that what was sent and what the engine made of it can be compared: its
//! defaults filled in, empty values left out, order only where order means something.

use serde_json::{Map, Value, json};

/// What the engine at hand keeps; older ones drop some fields without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeps {
    /// `Healthcheck.StartInterval`, from API 1.44 on.
    pub start_interval: bool,
    /// `VolumeOptions.Subpath`, from API 1.45 on.
    pub subpath: bool,
}

impl Keeps {
    pub fn of_api(major: usize, minor: usize) -> Self {
        let from = |wanted| (major, minor) >= (1, wanted);
        Self {
            start_interval: from(44),
            subpath: from(45),
        }
    }
}

/// A service spec in that form. Network targets must be names already.
pub fn service(mut spec: Value, keeps: Keeps) -> Value {
    defaults(&mut spec);
    drop_unkept(&mut spec, keeps);
    sort(&mut spec);
    prune(&mut spec);
    spec
}

/// A network, a config or a secret: only what a stack sets.
pub fn object(spec: &Value, keys: &[&str]) -> Value {
    let mut result = Map::new();
    for key in keys {
        if let Some(value) = spec.get(*key) {
            result.insert((*key).to_owned(), value.clone());
        }
    }
    let mut result = Value::Object(result);
    prune(&mut result);
    result
}

fn defaults(spec: &mut Value) {
    if let Some(replicated) = spec.pointer_mut("/Mode/Replicated") {
        fill(replicated, "Replicas", json!(1));
    }
    if let Some(job) = spec.pointer_mut("/Mode/ReplicatedJob") {
        fill(job, "MaxConcurrent", json!(1));
        fill(job, "TotalCompletions", json!(1));
    }
    for key in ["UpdateConfig", "RollbackConfig"] {
        if let Some(config) = spec.get_mut(key).filter(|config| config.is_object()) {
            fill(config, "FailureAction", json!("pause"));
            fill(config, "Order", json!("stop-first"));
        }
    }
    if let Some(spec) = spec.as_object_mut() {
        let endpoint = spec.entry("EndpointSpec").or_insert_with(|| json!({}));
        fill(endpoint, "Mode", json!("vip"));
        for port in endpoint
            .get_mut("Ports")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            fill(port, "Protocol", json!("tcp"));
            fill(port, "PublishMode", json!("ingress"));
        }
    }
    let Some(task) = spec.get_mut("TaskTemplate") else {
        return;
    };
    fill(task, "Runtime", json!("container"));
    if let Some(policy) = task
        .get_mut("RestartPolicy")
        .filter(|policy| policy.is_object())
    {
        fill(policy, "Condition", json!("any"));
        // None is the engine's default, zero is none at all.
        for key in ["Delay", "Window"] {
            if let Some(time) = policy.get_mut(key).filter(|time| **time == json!(0)) {
                *time = json!("0");
            }
        }
    }
    let container = task.get_mut("ContainerSpec");
    if let Some(container) = container.filter(|container| container.is_object()) {
        fill(container, "Isolation", json!("default"));
        let isolation = container
            .get("Isolation")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !matches!(isolation, "default" | "process" | "hyperv") {
            container["Isolation"] = json!("default");
        }
    }
}

/// Sets a key that is absent, null or an empty text.
fn fill(value: &mut Value, key: &str, default: Value) {
    let Some(map) = value.as_object_mut() else {
        return;
    };
    let empty = match map.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    };
    if empty {
        map.insert(key.to_owned(), default);
    }
}

fn drop_unkept(spec: &mut Value, keeps: Keeps) {
    let remove = |value: Option<&mut Value>, key: &str| {
        if let Some(map) = value.and_then(Value::as_object_mut) {
            map.remove(key);
        }
    };
    // What the image runs on follows from the image.
    remove(spec.pointer_mut("/TaskTemplate/Placement"), "Platforms");
    if !keeps.start_interval {
        remove(
            spec.pointer_mut("/TaskTemplate/ContainerSpec/Healthcheck"),
            "StartInterval",
        );
    }
    let mounts = spec.pointer_mut("/TaskTemplate/ContainerSpec/Mounts");
    for mount in mounts.and_then(Value::as_array_mut).into_iter().flatten() {
        remove(Some(mount), "Consistency");
        if !keeps.subpath {
            remove(mount.get_mut("VolumeOptions"), "Subpath");
        }
    }
}

/// Lists in which the order is of no meaning.
fn sort(spec: &mut Value) {
    let lists = [
        (
            "/EndpointSpec/Ports",
            &["PublishedPort", "TargetPort", "Protocol", "PublishMode"][..],
        ),
        ("/TaskTemplate/Networks", &["Target"]),
        (
            "/TaskTemplate/ContainerSpec/Configs",
            &["ConfigName", "File"],
        ),
        (
            "/TaskTemplate/ContainerSpec/Secrets",
            &["SecretName", "File"],
        ),
        ("/TaskTemplate/ContainerSpec/Ulimits", &["Name"]),
    ];
    // Of one name the last counts: their order stays.
    if let Some(Value::Array(variables)) = spec.pointer_mut("/TaskTemplate/ContainerSpec/Env") {
        variables.sort_by_cached_key(|variable| {
            let text = variable.as_str().unwrap_or_default();
            text.split('=').next().unwrap_or_default().to_owned()
        });
    }
    for (path, keys) in lists {
        if let Some(list) = spec.pointer_mut(path).and_then(Value::as_array_mut) {
            list.sort_by_cached_key(|entry| {
                keys.iter()
                    .map(|key| match entry.get(*key) {
                        Some(Value::Number(number)) => {
                            format!("{:020}", number.as_u64().unwrap_or(0))
                        }
                        Some(value) => sorted_text(value),
                        None => String::new(),
                    })
                    .collect::<Vec<_>>()
            });
        }
    }
}

/// JSON text that does not depend on the order of keys.
fn sorted_text(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}={}", sorted_text(value)))
                .collect();
            entries.sort_unstable();
            entries.join(",")
        }
        value => value.to_string(),
    }
}

/// Zero says something else there than nothing at all.
const ZERO_COUNTS: &[&str] = &["Replicas", "StopGracePeriod", "Init"];
/// Empty mappings that say something by being there.
const EMPTY_COUNTS: &[&str] = &[
    "Replicated",
    "Global",
    "ReplicatedJob",
    "GlobalJob",
    "Runtime",
];

/// Mappings whose keys are the author's: an empty value there is a value.
const AUTHORS_MAPS: &[&str] = &["Labels", "Options", "Sysctls", "DriverOpts"];

/// Leaves out what is empty and writes numbers one way.
fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                if !AUTHORS_MAPS.contains(&key.as_str()) {
                    prune(value);
                }
            }
            map.retain(|key, value| !is_empty(key, value));
        }
        Value::Array(list) => {
            for value in list {
                prune(value);
            }
        }
        // 1.0 and 1 are one number.
        #[expect(clippy::cast_possible_truncation, reason = "it has no fraction")]
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                *value = json!(float as i64);
            }
            _ => {}
        },
        _ => {}
    }
}

fn is_empty(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value && !ZERO_COUNTS.contains(&key),
        Value::Number(number) => number.as_f64() == Some(0.0) && !ZERO_COUNTS.contains(&key),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty() && !EMPTY_COUNTS.contains(&key),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stack::diff::{Mask, changes};

    const KEEPS: Keeps = Keeps {
        start_interval: true,
        subpath: true,
    };

    fn differs(before: Value, after: Value) -> bool {
        let (before, after) = (service(before, KEEPS), service(after, KEEPS));
        !changes(&before, &after, &Mask::default()).is_empty()
    }

    #[test]
    fn empty_values_of_the_author_count() {
        for (map, name) in [
            ("Labels", "/Labels"),
            ("Options", "/TaskTemplate/LogDriver/Options"),
            ("Sysctls", "/TaskTemplate/ContainerSpec/Sysctls"),
        ] {
            let nested = |value: Value| {
                let keys = name.split('/').skip(1).collect::<Vec<_>>();
                keys.iter()
                    .rev()
                    .fold(value, |value, key| json!({ *key: value }))
            };
            assert!(
                differs(nested(json!({"a": ""})), nested(json!({}))),
                "{map}"
            );
            assert!(!differs(nested(json!({})), nested(Value::Null)), "{map}");
        }
        let policy = |policy: Value| json!({"TaskTemplate": {"RestartPolicy": policy}});
        assert!(differs(policy(json!({"Delay": 0})), policy(json!({}))));
        assert!(!differs(
            policy(json!({"Condition": ""})),
            policy(json!({}))
        ));
    }

    #[test]
    fn the_order_of_variables_is_of_no_meaning() {
        let env = |list: Value| json!({"TaskTemplate": {"ContainerSpec": {"Env": list}}});
        assert!(!differs(
            env(json!(["B=1", "A=1"])),
            env(json!(["A=1", "B=1"]))
        ));
        assert!(differs(
            env(json!(["A=1", "A=2"])),
            env(json!(["A=2", "A=1"]))
        ));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0_u8..3).prop_map(Value::from),
            "[a=]{0,2}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("TaskTemplate"),
            Just("ContainerSpec"),
            Just("Env"),
            Just("Labels"),
            Just("x.Env"),
            Just("Delay"),
        ];
        leaf.prop_recursive(5, 40, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(key.clone(), inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_differs_in_normal_form_is_a_change(before in json_value(), after in json_value()) {
            let (before, after) = (service(before, KEEPS), service(after, KEEPS));
            let changes = changes(&before, &after, &Mask::default());
            prop_assert_eq!(before != after, !changes.is_empty());
        }
    }
}
