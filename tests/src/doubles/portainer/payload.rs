//! JSON bodies as Portainer decodes them: keys without regard to case, errors in Go's words.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The object of a request.
#[derive(Debug)]
pub(super) struct Payload(Map<String, Value>);

impl Payload {
    pub(super) fn of(body: &[u8]) -> Result<Self, Refusal> {
        let text = String::from_utf8_lossy(body);
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        match values.next() {
            None => Err(Refusal::payload("EOF")),
            Some(Ok(Value::Object(map))) => Ok(Self(map)),
            Some(Ok(Value::Null)) => Ok(Self(Map::new())),
            Some(Ok(other)) => Err(Refusal::payload(&format!(
                "json: cannot unmarshal \"{other}\" into Go value"
            ))),
            Some(Err(error)) if error.is_eof() => Err(Refusal::payload("unexpected EOF")),
            Some(Err(_)) => Err(Refusal::payload(&invalid(&text))),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let found = self
            .0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// A text, empty when absent.
    pub(super) fn text(&self, name: &str) -> Result<String, Refusal> {
        match self.get(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(wrong_type(name, other, "string")),
        }
    }

    /// False when absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong_type(name, other, "bool")),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => Err(wrong_type(name, value, "int")),
            },
        }
    }
}

fn wrong_type(name: &str, value: &Value, wanted: &str) -> Refusal {
    Refusal::payload(&format!(
        "json: cannot unmarshal \"{value}\" into Go struct field {name} of type {wanted}"
    ))
}

/// The text of a JSON decoder at the first character that cannot begin a value.
pub(super) fn invalid(text: &str) -> String {
    let text = text.trim_start();
    let first = text.chars().next().unwrap_or(' ');
    let shown: String = text.chars().take(32).collect();
    format!("json: invalid character '{first}' looking for beginning of value: {shown}")
}
