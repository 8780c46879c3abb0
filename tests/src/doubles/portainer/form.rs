//! Forms: multipart and urlencoded, read by field.

use super::wire::{Call, pairs};

/// The fields of a form; of two of one name the first counts.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn of(call: &Call) -> Self {
        let kind = call.header("content-type").unwrap_or_default();
        if let Some((_, boundary)) = kind.split_once("boundary=") {
            return Self(parts(&call.body, boundary.trim_matches('"')));
        }
        if kind.starts_with("application/x-www-form-urlencoded") {
            return Self(pairs(&String::from_utf8_lossy(&call.body)).collect());
        }
        Self::default()
    }

    /// Empty when absent.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name) == "true"
    }
}

fn parts(body: &[u8], boundary: &str) -> Vec<(String, String)> {
    let body = String::from_utf8_lossy(body);
    let separator = format!("--{boundary}");
    let parts = body.split(separator.as_str()).skip(1);
    parts.filter_map(part).collect()
}

fn part(text: &str) -> Option<(String, String)> {
    let (head, value) = text.split_once("\r\n\r\n")?;
    let (_, name) = head.split_once("name=\"")?;
    let (name, _) = name.split_once('"')?;
    let value = value.strip_suffix("\r\n").unwrap_or(value);
    Some((name.to_owned(), value.to_owned()))
}
