//! "How to compare" of the corpus' README.

use serde_json::{Map, Value};

/// Values the Go client sends or leaves out at will; these keys keep their zeros.
const MEANINGFUL: &[&str] = &[
    "Replicas",
    "StopGracePeriod",
    "Init",
    "Parallelism",
    "TmpfsOptions",
    "VolumeOptions",
    "Replicated",
    "Global",
    "ReplicatedJob",
    "GlobalJob",
];

pub(crate) fn normal(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut result = Map::new();
            for (key, value) in map {
                let mut value = normal(value);
                if key == "Ports" || key == "Networks" {
                    sort(&mut value);
                }
                if MEANINGFUL.contains(&key.as_str()) && !value.is_null() || !is_zero(&value) {
                    result.insert(key.clone(), value);
                }
            }
            // Keys in one order, for printing.
            let mut sorted: Vec<_> = result.into_iter().collect();
            sorted.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(normal).collect()),
        Value::Number(number) => number.as_f64().map_or(value.clone(), |float| {
            if number.is_f64() && float.fract() == 0.0 {
                #[expect(clippy::cast_possible_truncation, reason = "it has no fraction")]
                Value::from(float as i64)
            } else {
                value.clone()
            }
        }),
        other => other.clone(),
    }
}

fn sort(value: &mut Value) {
    if let Value::Array(list) = value {
        list.sort_by_key(ToString::to_string);
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// The paths at which two values differ, each with both sides.
pub(crate) fn differences(ours: &Value, docker: &Value) -> Vec<String> {
    let mut result = Vec::new();
    walk("", ours, docker, &mut result);
    result
}

fn walk(path: &str, ours: &Value, docker: &Value, result: &mut Vec<String>) {
    if ours == docker {
        return;
    }
    if let (Value::Object(left), Value::Object(right)) = (ours, docker) {
        let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let none = Value::Null;
            let (left, right) = (
                left.get(key).unwrap_or(&none),
                right.get(key).unwrap_or(&none),
            );
            walk(&format!("{path}/{key}"), left, right, result);
        }
        return;
    }
    result.push(format!("{path}: ours {ours}, docker's {docker}"));
}
