//! JSON values from a seed, for property tests.

use serde_json::{Map, Value};

/// The value that `seed` stands for; at most six deep.
pub(super) fn value(seed: &[u8]) -> Value {
    let mut bytes = seed.iter().copied();
    one(&mut bytes, 0)
}

fn one(bytes: &mut impl Iterator<Item = u8>, depth: usize) -> Value {
    const TEXTS: [&str; 6] = ["", "vms", "a\"\\\n", "ä\u{202e}", "10.0.0.1/24", "name"];
    let mut next = || bytes.next().unwrap_or(0);
    let (kind, detail) = (next(), next());
    let text = || TEXTS[usize::from(detail) % TEXTS.len()].to_owned();
    match kind % 8 {
        0 => Value::Null,
        1 => Value::Bool(detail.is_multiple_of(2)),
        2 => Value::from(i64::from(detail) - 100),
        3 => Value::from(f64::from(detail) + 0.5),
        4 | 5 if depth < 6 => {
            let length = usize::from(detail % 5);
            let items = (0..length).map(|_| one(bytes, depth + 1));
            Value::Array(items.collect())
        }
        6 | 7 if depth < 6 => {
            let mut members = Map::new();
            for index in 0..detail % 5 {
                let key = format!("{}{index}", text());
                members.insert(key, one(bytes, depth + 1));
            }
            Value::Object(members)
        }
        _ => Value::String(text()),
    }
}
