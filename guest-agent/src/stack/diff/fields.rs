//! Which fields differ, for people: never the value of an environment variable, never a
//! secret, never a text with a value of the deploy's variables.

use std::collections::BTreeMap;

use phoenix_common::wire::FieldChange;
use serde_json::Value;

use super::{HIDDEN, Mask};

/// Longest value shown.
const SHOWN_CHARACTERS: usize = 200;
/// Where a service spec has its environment.
const ENVIRONMENT: &str = "TaskTemplate.ContainerSpec.Env";

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
    if path == ENVIRONMENT {
        environment(path, (before, after), changes);
        return;
    }
    // The former text may hold a former value, which no list has any more: one hidden side hides both,
    // and what goes away is not shown at all where there are variables.
    let hit = |value: Option<&Value>| value.is_some_and(|value| mask.hits_value(value));
    let gone = after.is_none() && !mask.is_empty() && before.is_some_and(has_text);
    let hidden = hit(before) || hit(after) || gone;
    let show = |value: &Value| {
        if hidden {
            return HIDDEN.to_owned();
        }
        let text = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        text.chars().take(SHOWN_CHARACTERS).collect()
    };
    changes.push(FieldChange {
        field: path.to_owned(),
        before: before.map(show),
        after: after.map(show),
    });
}

fn has_text(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(list) => list.iter().any(has_text),
        Value::Object(map) => map.values().any(has_text),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Variables by name; their values stay hidden.
fn environment(
    path: &str,
    (before, after): (Option<&Value>, Option<&Value>),
    changes: &mut Vec<FieldChange>,
) {
    let lists = (before, after);
    let (before, after) = (variables(before), variables(after));
    let shown_so_far = changes.len();
    let mut names: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        if before.get(name) != after.get(name) {
            let hidden = |value: Option<&&str>| value.map(|_| HIDDEN.to_owned());
            changes.push(FieldChange {
                field: format!("{path}[{name}]"),
                before: hidden(before.get(name)),
                after: hidden(after.get(name)),
            });
        }
    }
    if changes.len() == shown_so_far {
        // One name twice, or what is no text.
        let hidden = |list: Option<&Value>| list.map(|_| HIDDEN.to_owned());
        changes.push(FieldChange {
            field: path.to_owned(),
            before: hidden(lists.0),
            after: hidden(lists.1),
        });
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

    fn shown(before: &Value, after: &Value, mask: &Mask) -> Vec<String> {
        changes(before, after, mask)
            .iter()
            .map(|change| format!("{} {:?} {:?}", change.field, change.before, change.after))
            .collect()
    }

    fn container(container: &Value) -> Value {
        json!({"TaskTemplate": {"ContainerSpec": container}})
    }

    #[test]
    fn names_fields_and_hides_values() {
        let before = container(&json!({"Env": ["P=old", "Q=1"], "Image": "a:1"}));
        let mut after = container(&json!({"Env": ["P=new", "Q=1", "R=x"], "Image": "a:2"}));
        after["N"] = json!(1);
        assert_eq!(
            shown(&before, &after, &Mask::default()),
            [
                r#"N None Some("1")"#,
                r#"TaskTemplate.ContainerSpec.Env[P] Some("(hidden)") Some("(hidden)")"#,
                r#"TaskTemplate.ContainerSpec.Env[R] None Some("(hidden)")"#,
                r#"TaskTemplate.ContainerSpec.Image Some("a:1") Some("a:2")"#,
            ]
        );
    }

    #[test]
    fn neither_a_quoted_nor_a_former_value_is_shown() {
        let mask = Mask::new(["pa\"ss\\word"]);
        let before =
            json!({"Args": ["--pw=canary-old"], "Labels": {"gone": "canary-old", "b": "1"}});
        let after = json!({"Args": ["--pw=pa\"ss\\word"], "Labels": {"b": "2"}});
        assert_eq!(
            shown(&before, &after, &mask),
            [
                r#"Args Some("(hidden)") Some("(hidden)")"#,
                r#"Labels.b Some("1") Some("2")"#,
                r#"Labels.gone Some("(hidden)") None"#,
            ]
        );
    }

    #[test]
    fn a_difference_in_the_environment_is_never_lost() {
        let mask = Mask::default();
        let env = |list: Value| container(&json!({ "Env": list }));
        let twice = shown(&env(json!(["A=1", "A=2"])), &env(json!(["A=2"])), &mask);
        assert_eq!(twice.len(), 1, "{twice:?}");
        let label = |value: &str| json!({"Labels": {"x.Env": value}});
        assert_eq!(shown(&label("1"), &label("2"), &mask).len(), 1);
    }
}
