//! Which fields differ, for people: never the value of an environment variable, never a secret.

use std::collections::BTreeMap;

use phoenix_common::wire::FieldChange;
use serde_json::Value;

use super::Mask;

/// Longest value shown.
const SHOWN_CHARACTERS: usize = 200;

/// All differing fields of two values in normal form, as paths such as `TaskTemplate.ContainerSpec.Args`.
pub fn changes(before: &Value, after: &Value, mask: &Mask) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    walk("", Some(before), Some(after), mask, &mut changes);
    changes
}

fn walk(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    mask: &Mask,
    changes: &mut Vec<FieldChange>,
) {
    if before == after {
        return;
    }
    if let (Some(Value::Object(left)), Some(Value::Object(right))) = (before, after) {
        let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            walk(&path, left.get(key), right.get(key), mask, changes);
        }
        return;
    }
    if path.ends_with(".Env") {
        environment(path, (before, after), changes);
        return;
    }
    let show = |value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        mask.hide(&text).chars().take(SHOWN_CHARACTERS).collect()
    };
    changes.push(FieldChange {
        field: path.to_owned(),
        before: before.map(show),
        after: after.map(show),
    });
}

/// Variables by name; their values stay hidden.
fn environment(
    path: &str,
    (before, after): (Option<&Value>, Option<&Value>),
    changes: &mut Vec<FieldChange>,
) {
    let (before, after) = (variables(before), variables(after));
    let mut names: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        if before.get(name) != after.get(name) {
            let hidden = |value: Option<&&str>| value.map(|_| "(hidden)".to_owned());
            changes.push(FieldChange {
                field: format!("{path}[{name}]"),
                before: hidden(before.get(name)),
                after: hidden(after.get(name)),
            });
        }
    }
}

fn variables(list: Option<&Value>) -> BTreeMap<&str, &str> {
    let entries = list
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    entries
        .map(|entry| (entry.split('=').next().unwrap_or(entry), entry))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_fields_and_hides_values() {
        let before = json!({"A": {"Env": ["P=old", "Q=1"], "Image": "a:1"}, "N": 1});
        let after = json!({"A": {"Env": ["P=new", "Q=1", "R=x"], "Image": "a:2"}});
        let shown: Vec<String> = changes(&before, &after, &Mask::default())
            .iter()
            .map(|change| format!("{} {:?} {:?}", change.field, change.before, change.after))
            .collect();
        assert_eq!(
            shown,
            [
                r#"A.Env[P] Some("(hidden)") Some("(hidden)")"#,
                r#"A.Env[R] None Some("(hidden)")"#,
                r#"A.Image Some("a:1") Some("a:2")"#,
                r#"N Some("1") None"#,
            ]
        );
    }
}
