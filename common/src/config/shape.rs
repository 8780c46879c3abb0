//! Checks a file against the schema of its mirror, and reports every mistake at once.
//!
//! The published JSON Schema is the only statement of what may be written. This is the part of
//! JSON Schema that the mirrors use, with places and hints; that nothing else occurs in them and that a
//! complete validator agrees is tested.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::error::{ConfigError, Rule};
use super::json::{Kind, Node};
use super::source::Place;
use super::{shape_hint, suggest};
use crate::untrusted::Untrusted;

/// After so many mistakes in one file the rest is not worth reading.
const MOST_ERRORS: usize = 200;

/// The mistakes of the value at `place`; `root` is the schema with its definitions.
pub(super) fn check(place: &Place<'_>, root: &Value) -> Vec<ConfigError> {
    check_against(place, root, root)
}

/// The same against a part of the schema.
pub(super) fn check_against(place: &Place<'_>, schema: &Value, root: &Value) -> Vec<ConfigError> {
    let mut checker = Checker {
        root,
        patterns: BTreeMap::new(),
        errors: Vec::new(),
    };
    checker.duplicate_keys(place);
    checker.value(place, schema);
    if checker.errors.len() >= MOST_ERRORS {
        let message = "the rest of the file was not looked at: too many mistakes";
        checker.errors.push(place.error(Rule::TooMany, message));
    }
    checker.errors
}

/// Whether the check gave up: parts without a mistake may have some.
pub(super) fn gave_up(errors: &[ConfigError]) -> bool {
    errors.iter().any(|error| error.rule == Rule::TooMany)
}

struct Checker<'schema> {
    root: &'schema Value,
    patterns: BTreeMap<&'schema str, Option<Regex>>,
    errors: Vec<ConfigError>,
}

impl<'schema> Checker<'schema> {
    fn push(&mut self, error: ConfigError) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(error);
        }
    }

    fn duplicate_keys(&mut self, place: &Place<'_>) {
        let mut first = BTreeMap::new();
        for (index, (key, value)) in place.members().into_iter().enumerate() {
            if let Some(earlier) = first.get(key) {
                let line = place.key(*earlier).origin().line;
                let message = format!("`{}` stands twice in this object", Untrusted(key));
                self.push(
                    (place.key(index).error(Rule::DuplicateKey, message)).hint(format!(
                        "it stands in line {line} already: keep one of them"
                    )),
                );
            } else {
                first.insert(key, index);
            }
            self.duplicate_keys(&value);
        }
        for item in place.items() {
            self.duplicate_keys(&item);
        }
    }

    fn value(&mut self, place: &Place<'_>, schema: &'schema Value) {
        if self.errors.len() >= MOST_ERRORS {
            return;
        }
        let schema = self.resolved(schema);
        if let Some(words) = Self::words(schema) {
            return self.word(place, &words);
        }
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            return self.choice(place, choices);
        }
        if let Some(types) = schema.get("type")
            && !allows(types, place.node)
        {
            return self.wrong_type(place, &type_names(types));
        }
        match &place.node.kind {
            Kind::Text(text) => self.text(place, text, schema),
            Kind::Number(number) => self.number(place, number.as_f64(), schema),
            Kind::List(items) => self.list(place, items.len(), schema),
            Kind::Object(_) => self.object(place, schema),
            Kind::Null | Kind::Bool(_) => {}
        }
    }

    fn resolved(&self, schema: &'schema Value) -> &'schema Value {
        let target = schema.get("$ref").and_then(Value::as_str);
        let pointer = target.and_then(|target| target.strip_prefix('#'));
        match pointer.and_then(|pointer| self.root.pointer(pointer)) {
            Some(target) => target,
            None => schema,
        }
    }

    /// The words of an enumeration; schemars writes those with a description as `oneOf` of `const`.
    fn words(schema: &'schema Value) -> Option<Vec<&'schema str>> {
        if let Some(word) = schema.get("const") {
            return Some(vec![word.as_str()?]);
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return words.iter().map(Value::as_str).collect();
        }
        let choices = schema.get("oneOf").and_then(Value::as_array)?;
        let words: Option<Vec<Vec<&str>>> = choices.iter().map(Self::words).collect();
        words.map(|words| words.concat())
    }

    /// Shapes that are told apart by the type of the value.
    fn choice(&mut self, place: &Place<'_>, choices: &'schema [Value]) {
        let mut wanted = Vec::new();
        for choice in choices {
            let schema = self.resolved(choice);
            let text = Value::from("string");
            let types = match Self::words(schema) {
                Some(_) => &text,
                None => schema.get("type").unwrap_or(&Value::Null),
            };
            if allows(types, place.node) {
                return self.value(place, choice);
            }
            wanted.push(type_names(types));
        }
        wanted.retain(|name| name != "null");
        self.wrong_type(place, &wanted.join(" or "));
    }

    fn word(&mut self, place: &Place<'_>, words: &[&str]) {
        let Some(written) = place.node.text() else {
            return self.wrong_type(place, "a text");
        };
        if !words.contains(&written) {
            let message = if shape_hint::is_secret(place) {
                "unknown value".to_owned()
            } else {
                format!("unknown value `{}`", Untrusted(written))
            };
            let error = place.error(Rule::WrongValue, message);
            self.push(error.maybe_hint(suggest::hint(written, words.iter().copied())));
        }
    }

    fn wrong_type(&mut self, place: &Place<'_>, wanted: &str) {
        let message = format!("expected {wanted}, found {}", found(place.node));
        let hint = shape_hint::for_type(place, wanted);
        self.push(place.error(Rule::WrongType, message).maybe_hint(hint));
    }

    fn text(&mut self, place: &Place<'_>, text: &str, schema: &'schema Value) {
        let characters = text.chars().count() as u64;
        let bound = |key| schema.get(key).and_then(Value::as_u64);
        if bound("minLength").is_some_and(|least| characters < least) {
            self.push(place.error(Rule::WrongValue, "the text is empty"));
        } else if let Some(most) = bound("maxLength").filter(|most| characters > *most) {
            let message = format!("the text is longer than {most} characters");
            self.push(place.error(Rule::WrongValue, message));
        } else if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && !self.matches(pattern, text)
        {
            let message = pattern_message(place, schema, text);
            let hint = shape_hint::for_text(place, text);
            self.push(place.error(Rule::WrongValue, message).maybe_hint(hint));
        }
    }

    fn matches(&mut self, pattern: &'schema str, text: &str) -> bool {
        let compiled = self.patterns.entry(pattern);
        let regex = compiled.or_insert_with(|| Regex::new(pattern).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    fn number(&mut self, place: &Place<'_>, number: Option<f64>, schema: &Value) {
        let bound = |key| schema.get(key).and_then(Value::as_f64);
        let (Some(number), least, most) = (number, bound("minimum"), bound("maximum")) else {
            return;
        };
        let low = least.is_some_and(|least| number < least);
        let high = most.is_some_and(|most| number > most);
        if (low || high) && place.path.ends_with("version") {
            let message = format!("format version {number} is not known");
            let error = place.error(Rule::UnsupportedVersion, message);
            self.push(error.hint(
                "this phoenix-hook reads format version 1: upgrade it, or write the file in that",
            ));
        } else if low || high {
            let range = match (least, most) {
                (Some(least), Some(most)) => format!("{least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (None, Some(most)) => format!("at most {most}"),
                (None, None) => return,
            };
            let message = format!("{number} is out of range: {range}");
            self.push(place.error(Rule::WrongValue, message));
        }
    }

    fn list(&mut self, place: &Place<'_>, length: usize, schema: &'schema Value) {
        let least = schema.get("minItems").and_then(Value::as_u64);
        if least.is_some_and(|least| (length as u64) < least) {
            self.push(place.error(Rule::WrongValue, "the list is empty"));
        }
        if let Some(schema) = schema.get("items") {
            for item in place.items() {
                self.value(&item, schema);
            }
        }
    }

    fn object(&mut self, place: &Place<'_>, schema: &'schema Value) {
        let nothing = Map::new();
        let part = |key: &str| schema.get(key).and_then(Value::as_object);
        let known = part("properties");
        let patterns = part("patternProperties");
        let required = schema.get("required").and_then(Value::as_array);
        for key in required.into_iter().flatten().filter_map(Value::as_str) {
            if place.node.member(key).is_none() {
                let message = format!("`{key}` is missing");
                self.push(place.error(Rule::MissingKey, message));
            }
        }
        for (index, (key, value)) in place.members().into_iter().enumerate() {
            if let Some(schema) = known.and_then(|known| known.get(key)) {
                self.value(&value, schema);
                continue;
            }
            let of_pattern =
                (patterns.into_iter().flatten()).find(|(pattern, _)| self.matches(pattern, key));
            match (of_pattern, schema.get("additionalProperties")) {
                (None, None | Some(Value::Bool(true))) => {}
                (None, Some(Value::Bool(false))) => {
                    let known = known.unwrap_or(&nothing);
                    let error = unknown_key(&place.key(index), key, known, patterns.is_some());
                    self.push(error);
                }
                (Some((_, schema)), _) | (None, Some(schema)) => self.value(&value, schema),
            }
        }
    }
}

fn unknown_key(
    place: &Place<'_>,
    key: &str,
    known: &Map<String, Value>,
    named: bool,
) -> ConfigError {
    if named && known.is_empty() {
        let message = format!("`{}` cannot be a name here", Untrusted(key));
        let error = place.error(Rule::WrongValue, message);
        return error.maybe_hint(shape_hint::for_name(place));
    }
    let message = format!("unknown key `{}`", Untrusted(key));
    let words = known
        .keys()
        .map(String::as_str)
        .filter(|word| *word != "$schema");
    let hint = suggest::hint(key, words);
    place.error(Rule::UnknownKey, message).maybe_hint(hint)
}

fn pattern_message(place: &Place<'_>, schema: &Value, text: &str) -> String {
    let rule = schema.get("patternErrorMessage").and_then(Value::as_str);
    let rule = rule.unwrap_or("not in the form that is wanted here");
    if shape_hint::is_secret(place) {
        return rule.to_owned();
    }
    format!("`{}`: {rule}", Untrusted(text))
}

fn allows(types: &Value, node: &Node) -> bool {
    match types {
        Value::Array(types) => types.iter().any(|one| allows(one, node)),
        Value::String(name) => match &node.kind {
            Kind::Null => name == "null",
            Kind::Bool(_) => name == "boolean",
            Kind::Number(number) => name == "number" || (name == "integer" && !number.is_f64()),
            Kind::Text(_) => name == "string",
            Kind::List(_) => name == "array",
            Kind::Object(_) => name == "object",
        },
        _ => true,
    }
}

fn type_names(types: &Value) -> String {
    match types {
        Value::Array(types) => {
            let names: Vec<String> = types.iter().map(type_names).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            names
                .into_iter()
                .filter(|name| *name != "null")
                .collect::<Vec<_>>()
                .join(" or ")
        }
        _ => match types.as_str().unwrap_or_default() {
            "boolean" => "true or false",
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "a text",
            "array" => "a list",
            "object" => "an object",
            other => other,
        }
        .to_owned(),
    }
}

/// What stands there, without its content: it may be a secret.
fn found(node: &Node) -> &'static str {
    match &node.kind {
        Kind::Null => "null",
        Kind::Bool(_) => "true or false",
        Kind::Number(number) if number.is_f64() => "a number with a fraction",
        Kind::Number(_) => "a number",
        Kind::Text(_) => "a text",
        Kind::List(_) => "a list",
        Kind::Object(_) => "an object",
    }
}
