//! A JSON text as a tree that knows where each part stands.
//!
//! `serde_json` decides what is JSON; the scanner then walks a text that is known to be well formed,
//! so it needs no error handling of its own.

use serde_json::{Map, Number, Value};

/// A value and the bytes it covers.
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A key with its value, in the order of the file and with doubles.
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_start: usize,
    pub(super) key_end: usize,
    pub(super) value: Node,
}

/// Why a text is not JSON. The message never quotes the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// In bytes.
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

/// The tree of a whole JSON text.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    if text.starts_with('\u{feff}') {
        return Err(SyntaxError {
            offset: 0,
            message: "the file starts with a byte order mark".to_owned(),
            hint: Some("save it as UTF-8 without BOM"),
        });
    }
    match serde_json::from_str::<Value>(text) {
        Ok(_) => Ok(Scanner { text, at: 0 }.value()),
        Err(error) => Err(syntax_error(text, &error)),
    }
}

fn syntax_error(text: &str, error: &serde_json::Error) -> SyntaxError {
    let line_start = match error.line() {
        0 | 1 => 0,
        line => text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .nth(line - 2)
            .map_or(0, |(offset, _)| offset + 1),
    };
    let offset = (line_start + error.column().saturating_sub(1)).min(text.len());
    let full = error.to_string();
    let message = full
        .split_once(" at line ")
        .map_or(full.as_str(), |(message, _)| message);
    let rest = text.as_bytes().get(offset..).unwrap_or_default();
    let hint = match rest.first() {
        _ if text.trim().is_empty() => Some("the file is empty: write {} or remove it"),
        Some(b'/' | b'#') => Some("JSON has no comments"),
        Some(b'\'') => Some("JSON texts stand in double quotes"),
        _ if message == "trailing comma" => Some("remove the comma before the closing bracket"),
        _ if message == "trailing characters" => Some("a file holds one JSON value"),
        _ => None,
    };
    SyntaxError {
        offset,
        message: message.to_owned(),
        hint,
    }
}

/// Walks well-formed JSON.
struct Scanner<'text> {
    text: &'text str,
    at: usize,
}

impl Scanner<'_> {
    /// The next byte that is not white space; 0 at the end.
    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied().unwrap_or(0)
    }

    fn value(&mut self) -> Node {
        let first = self.peek();
        let start = self.at;
        let kind = match first {
            b'{' => self.object(),
            b'[' => self.list(),
            b'"' => Kind::Text(self.string()),
            _ => self.word(),
        };
        Node {
            start,
            end: self.at,
            kind,
        }
    }

    fn object(&mut self) -> Kind {
        let mut members = Vec::new();
        self.at += 1;
        while self.peek() == b'"' {
            let key_start = self.at;
            let key = self.string();
            let key_end = self.at;
            self.skip(b':');
            let value = self.value();
            members.push(Member {
                key,
                key_start,
                key_end,
                value,
            });
            self.skip(b',');
        }
        self.skip(b'}');
        Kind::Object(members)
    }

    fn list(&mut self) -> Kind {
        let mut items = Vec::new();
        self.at += 1;
        while !matches!(self.peek(), b']' | 0) {
            items.push(self.value());
            self.skip(b',');
        }
        self.skip(b']');
        Kind::List(items)
    }

    fn skip(&mut self, wanted: u8) {
        if self.peek() == wanted {
            self.at += 1;
        }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b'\\') => self.at += 2,
                Some(b'"') | None => break,
                Some(_) => self.at += 1,
            }
        }
        self.at = (self.at + 1).min(bytes.len());
        self.parsed(start).unwrap_or_default()
    }

    /// `null`, `true`, `false` or a number.
    fn word(&mut self) -> Kind {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while let Some(b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'E') = bytes.get(self.at) {
            self.at += 1;
        }
        match self.parsed(start) {
            Some(Value::Bool(value)) => Kind::Bool(value),
            Some(Value::Number(number)) => Kind::Number(whole(number)),
            _ => Kind::Null,
        }
    }

    fn parsed<T: serde::de::DeserializeOwned>(&self, start: usize) -> Option<T> {
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }
}

/// JSON Schema takes `4.0` for an integer, serde does not: write it as one.
fn whole(number: Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() <= EXACT =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            Number::from(value as i64)
        }
        _ => number,
    }
}

impl Node {
    /// The same value without places; of doubled keys the last counts.
    pub(super) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The member of an object.
    pub(super) fn member(&self, key: &str) -> Option<&Member> {
        match &self.kind {
            Kind::Object(members) => members.iter().find(|member| member.key == key),
            _ => None,
        }
    }

    /// The elements of an array, else nothing.
    pub(super) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The members of an object, else nothing.
    pub(super) fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_knows_its_bytes() {
        let text = " {\"a\\n\": [1, -2.5e3, 4.0],\r\n \"ä\":{\"b\":null, \"c\" : \"x\\\"y\"}} ";
        let root = parse(text).unwrap();
        assert_eq!(&text[root.start..root.end], text.trim());
        let list = root.member("a\n").unwrap();
        assert_eq!(&text[list.key_start..list.key_end], "\"a\\n\"");
        let written: Vec<&str> = (list.value.items().iter())
            .map(|item| &text[item.start..item.end])
            .collect();
        assert_eq!(written, ["1", "-2.5e3", "4.0"]);
        let inner = &root.member("ä").unwrap().value;
        assert_eq!(inner.member("c").unwrap().value.text(), Some("x\"y"));
        let wanted = serde_json::json!({"a\n": [1, -2500, 4], "ä": {"b": null, "c": "x\"y"}});
        assert_eq!(root.to_value(), wanted);
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for (text, offset, message, hint) in [
            ("\u{feff}{}", 0, "byte order mark", "without BOM"),
            ("", 0, "EOF while parsing a value", "empty"),
            ("{}\n{}", 3, "trailing characters", "one JSON value"),
            ("{\n \"a\": 1,\n}", 11, "trailing comma", "remove the comma"),
            ("{\n // a\n}", 3, "key must be a string", "no comments"),
            ("['a']", 1, "expected value", "double quotes"),
            ("[01]", 2, "invalid number", ""),
            ("{\"a\": \"\u{1}\"}", 7, "control character", ""),
        ] {
            let error = parse(text).err().unwrap();
            assert_eq!(error.offset, offset, "{text:?}");
            assert!(error.message.contains(message), "{text:?}: {error:?}");
            assert!(error.hint.unwrap_or("").contains(hint), "{text:?}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn the_tree_is_what_serde_json_reads(seed in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let value = super::super::arbitrary::value(&seed);
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                proptest::prop_assert_eq!(parse(&text).ok().unwrap().to_value(), value.clone());
            }
        }

        #[test]
        fn any_text_is_survived(text in "[\\[\\]{}:,\"a0 \\\\.eE+-]{0,40}") {
            proptest::prop_assert_eq!(parse(&text).is_ok(), serde_json::from_str::<Value>(&text).is_ok());
        }
    }
}
