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
    }
    if let Some(container) = task.get_mut("ContainerSpec") {
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

/// Leaves out what is empty and writes numbers one way.
fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for value in map.values_mut() {
                prune(value);
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
