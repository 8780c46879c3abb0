//! `${NAME}` in a compose file, and the values of a `stack.env` file as compose reads them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

type Variables = BTreeMap<String, String>;

/// Fills the variables in all texts of a value.
pub(super) fn fill(value: &Value, variables: &Variables) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(filled(text, variables)?),
        Value::Array(list) => {
            let filled = list.iter().map(|one| fill(one, variables));
            Value::Array(filled.collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let mut filled = Map::new();
            for (key, one) in map {
                filled.insert(key.clone(), fill(one, variables)?);
            }
            Value::Object(filled)
        }
        other => other.clone(),
    })
}

fn filled(text: &str, variables: &Variables) -> Result<String, String> {
    let mut done = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        done.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            done.push('$');
            rest = after;
        } else if let Some((inner, after)) = rest
            .strip_prefix('{')
            .and_then(|inside| inside.split_once('}'))
        {
            done.push_str(&value_of(inner, variables)?);
            rest = after;
        } else {
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
            done.push_str(variables.get(&rest[..end]).map_or("", String::as_str));
            rest = &rest[end..];
        }
    }
    done.push_str(rest);
    Ok(done)
}

/// Of what stands between the braces.
fn value_of(inner: &str, variables: &Variables) -> Result<String, String> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let end = inner.find(|letter| !is_name(letter)).unwrap_or(inner.len());
    let (name, rule) = inner.split_at(end);
    let value = variables.get(name);
    let set = value.filter(|value| !(rule.starts_with(':') && value.is_empty()));
    match (set, rule.trim_start_matches(':').split_at_checked(1)) {
        (Some(value), _) => Ok(value.clone()),
        (None, Some(("-", default))) => Ok(default.to_owned()),
        (None, Some(("?", message))) => Err(format!(
            "required variable {name} is missing a value: {message}"
        )),
        (None, _) => Ok(String::new()),
    }
}

/// What compose reads out of lines `NAME=VALUE` that nobody quoted; `leaked` are there already.
pub(super) fn of_dotenv(
    pairs: &[(String, String)],
    leaked: &[(String, String)],
) -> Result<Variables, String> {
    let mut variables: Variables = leaked.iter().cloned().collect();
    let mut text = String::new();
    for (name, value) in pairs {
        text.extend([
            name, "=", value, "
",
        ]);
    }
    for (number, line) in text.lines().enumerate() {
        let Some((name, raw)) = line.split_once('=') else {
            continue;
        };
        if name.contains(' ') {
            let line = number + 1;
            return Err(format!("line {line}: key cannot contain a space"));
        }
        let value = unquoted(raw, &variables)?;
        if !name.is_empty() {
            variables.insert(name.to_owned(), value);
        }
    }
    Ok(variables)
}

fn unquoted(raw: &str, variables: &Variables) -> Result<String, String> {
    let raw = raw.trim();
    let inside = |quote: char| raw.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(whole) = inside('\'') {
        return Ok(whole.to_owned());
    }
    if let Some(quoted) = inside('"') {
        return filled(quoted, variables);
    }
    let end = raw.find(" #").unwrap_or(raw.len());
    filled(raw[..end].trim_end(), variables)
}
