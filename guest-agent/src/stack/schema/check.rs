//! Holds a file against the format: unknown keys and wrong types, all at once.

use std::collections::HashMap;

use phoenix_common::spec::Compat;

use super::shape::{
    BOOLEAN, BOOLEAN_TEXT, DATE, Dict, INTEGER, Key, NULL, NUMBER, Object, STRING, Shape, Version,
};
use super::suggest;
use crate::stack::fault::{Fault, KnownAs, Problem};
use crate::stack::notice::{Notice, Notices};
use crate::stack::text::{duration, port_spec};
use crate::stack::yaml::{Map, Node, Value};

pub(super) struct Check<'run> {
    pub(super) version: Version,
    pub(super) compat: Compat,
    pub(super) problems: Vec<Problem>,
    pub(super) notices: &'run mut Notices,
}

impl Check<'_> {
    pub(super) fn node(&mut self, node: &Node, shape: &Shape, path: &str) {
        let fault = match (shape, &node.value) {
            (Shape::Either(alternatives), _) => return self.either(node, alternatives, path),
            (Shape::Before(_, inner) | Shape::Since(_, inner) | Shape::Tolerated(_, inner), _) => {
                return self.node(node, inner, path);
            }
            (Shape::Scalar(types), value) => self.scalar(node, *types, value, path),
            (Shape::Duration, Value::Text(text)) => {
                duration::parse(text).is_none().then(|| Fault::BadFormat {
                    text: text.clone(),
                    wanted: "a duration",
                })
            }
            (Shape::Port, value) => port(value),
            (Shape::Choice(choices), Value::Text(text)) => (!choices.contains(&text.as_str()))
                .then(|| Fault::NotAChoice {
                    text: text.clone(),
                    choices: choices.join(", "),
                }),
            (Shape::NotNegative, value) => not_negative(value),
            (Shape::List(item), Value::List(list)) => return self.list(list, item, path),
            (Shape::Set(item), Value::List(list)) => {
                self.list(list, item, path);
                return self.unique(node, list, path);
            }
            (Shape::Object(object), Value::Map(map)) => {
                return self.object(node, map, object, path);
            }
            (Shape::Dict(dict), Value::Map(map)) => return self.dict(map, dict, path),
            (_, value) => Some(wrong_type(shape, value)),
        };
        if let Some(fault) = fault {
            self.problems.push(Problem::at(&node.place, path, fault));
        }
    }

    fn either(&mut self, node: &Node, alternatives: &[Shape], path: &str) {
        let fits = alternatives
            .iter()
            .find(|shape| self.takes(shape, &node.value));
        let Some(shape) = fits else {
            return self.no_alternative(node, alternatives, path);
        };
        if let Shape::Tolerated(what, _) = shape {
            self.notices
                .add(&node.place, path, Notice::Tolerated { what });
        }
        self.node(node, shape, path);
    }

    fn no_alternative(&mut self, node: &Node, alternatives: &[Shape], path: &str) {
        let wanted: Vec<String> = alternatives
            .iter()
            .filter(|shape| self.offered(shape))
            .map(describe)
            .collect();
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut path = path;
        let fault = if wanted.is_empty() {
            path = parent;
            Fault::UnknownKey {
                key: key.to_owned(),
                known: KnownAs::ComposeOnly,
            }
        } else {
            Fault::WrongType {
                wanted: wanted.join(" or "),
                found: node.value.kind(),
            }
        };
        self.problems.push(Problem::at(&node.place, path, fault));
    }

    /// Whether an alternative is on offer at all, whatever the value.
    fn offered(&self, shape: &Shape) -> bool {
        match shape {
            Shape::Before(before, _) => self.version < *before,
            Shape::Since(since, _) => self.version >= *since,
            Shape::Tolerated(..) => self.compat == Compat::Extended,
            _ => true,
        }
    }

    /// Whether the value's type is that of the shape.
    fn takes(&self, shape: &Shape, value: &Value) -> bool {
        if !self.offered(shape) {
            return false;
        }
        match (shape, value) {
            (Shape::Before(_, inner) | Shape::Since(_, inner) | Shape::Tolerated(_, inner), _) => {
                self.takes(inner, value)
            }
            (Shape::Scalar(types), _) => types & type_of(value) != 0,
            (Shape::Port, Value::Text(_) | Value::Integer(_) | Value::Float(_))
            | (Shape::Duration | Shape::Choice(_), Value::Text(_))
            | (Shape::NotNegative, Value::Integer(_))
            | (Shape::List(_) | Shape::Set(_), Value::List(_))
            | (Shape::Object(_) | Shape::Dict(_), Value::Map(_)) => true,
            _ => false,
        }
    }

    fn scalar(&mut self, node: &Node, types: u8, value: &Value, path: &str) -> Option<Fault> {
        if types & type_of(value) != 0 {
            return None;
        }
        if matches!(value, Value::Bool(_))
            && types & BOOLEAN_TEXT != 0
            && self.compat == Compat::Extended
        {
            let notice = Notice::Tolerated {
                what: "a boolean without quotes",
            };
            self.notices.add(&node.place, path, notice);
            return None;
        }
        Some(wrong_type(&Shape::Scalar(types), value))
    }

    fn list(&mut self, list: &[Node], item: &Shape, path: &str) {
        for (index, entry) in list.iter().enumerate() {
            self.node(entry, item, &format!("{path}[{index}]"));
        }
    }

    fn unique(&mut self, node: &Node, list: &[Node], path: &str) {
        let mut seen = HashMap::new();
        for (second, entry) in list.iter().enumerate() {
            if let Some(first) = seen.insert(canonical(entry), second) {
                let fault = Fault::NotUnique { first, second };
                self.problems.push(Problem::at(&node.place, path, fault));
                return;
            }
        }
    }

    fn object(&mut self, node: &Node, map: &Map, object: &Object, path: &str) {
        for entry in &map.entries {
            let below = join(path, &entry.key);
            match object.keys.iter().find(|key| key.name == entry.key) {
                Some(key) if self.key_fits(key, entry, path) => {
                    self.node(&entry.node, key.shape, &below);
                }
                Some(_) => {}
                None if self.passes_unread(object, &entry.key) => {}
                None => {
                    let fault = Fault::UnknownKey {
                        key: entry.key.clone(),
                        known: suggest::known_as(&entry.key, object.keys),
                    };
                    self.problems
                        .push(Problem::at(&entry.key_place, path, fault));
                }
            }
        }
        for key in object.required {
            if map.get(key).is_none() {
                self.problems
                    .push(Problem::at(&node.place, path, Fault::Missing { key }));
            }
        }
    }

    /// A key newer than the file's version: refused in docker mode, taken with a notice else.
    fn key_fits(&mut self, key: &Key, entry: &crate::stack::yaml::Entry, path: &str) -> bool {
        if key.since <= self.version {
            return true;
        }
        if self.compat == Compat::Extended {
            let notice = Notice::Tolerated {
                what: "a key newer than the file's `version`",
            };
            self.notices.add(&entry.key_place, path, notice);
            return true;
        }
        let known = KnownAs::Since(format!("3.{}", key.since));
        let fault = Fault::UnknownKey {
            key: entry.key.clone(),
            known,
        };
        self.problems
            .push(Problem::at(&entry.key_place, path, fault));
        false
    }

    fn passes_unread(&self, object: &Object, key: &str) -> bool {
        let since = |since: Option<Version>| since.is_some_and(|since| self.version >= since);
        since(object.open_since)
            || (key.starts_with("x-")
                && (since(object.extensions_since)
                    || (object.extensions_since.is_some() && self.compat == Compat::Extended)))
    }

    fn dict(&mut self, map: &Map, dict: &Dict, path: &str) {
        for entry in &map.entries {
            if dict.names.admit(&entry.key) {
                self.node(&entry.node, dict.value, &join(path, &entry.key));
            } else if !dict.open {
                let fault = Fault::BadName {
                    name: entry.key.clone(),
                    reason: "letters, digits, `.`, `_` and `-` only",
                };
                self.problems
                    .push(Problem::at(&entry.key_place, path, fault));
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn type_of(value: &Value) -> u8 {
    match value {
        Value::Null => NULL,
        Value::Bool(_) => BOOLEAN,
        Value::Integer(_) => INTEGER | NUMBER,
        Value::Float(number) if number.fract() == 0.0 => INTEGER | NUMBER,
        Value::Float(_) => NUMBER,
        Value::Timestamp(_) => DATE,
        Value::Text(_) => STRING,
        Value::List(_) | Value::Map(_) => 0,
    }
}

fn port(value: &Value) -> Option<Fault> {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        _ => return Some(wrong_type(&Shape::Port, value)),
    };
    let wanted = "a port mapping such as 8080:80/tcp";
    port_spec::parse(&text)
        .is_none()
        .then_some(Fault::BadFormat { text, wanted })
}

fn not_negative(value: &Value) -> Option<Fault> {
    match value {
        Value::Integer(number) => (*number < 0).then_some(Fault::Negative),
        Value::Float(number) if number.fract() == 0.0 => (*number < 0.0).then_some(Fault::Negative),
        _ => Some(wrong_type(&Shape::Scalar(INTEGER), value)),
    }
}

fn wrong_type(shape: &Shape, value: &Value) -> Fault {
    Fault::WrongType {
        wanted: describe(shape),
        found: value.kind(),
    }
}

fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Scalar(types) => {
            let names = [
                (STRING, "a string"),
                (INTEGER, "an integer"),
                (NUMBER, "a number"),
                (BOOLEAN, "true or false"),
                (NULL, "empty"),
            ];
            let names: Vec<&str> = names
                .iter()
                .filter(|(bit, _)| types & bit != 0)
                .map(|(_, name)| *name)
                .collect();
            names.join(" or ")
        }
        Shape::Duration => "a duration as a string".to_owned(),
        Shape::Port => "a port mapping as a string or an integer".to_owned(),
        Shape::Choice(choices) => choices.join(" or "),
        Shape::NotNegative => "an integer from 0 on".to_owned(),
        Shape::List(_) | Shape::Set(_) => "a list".to_owned(),
        Shape::Object(_) | Shape::Dict(_) => "a mapping".to_owned(),
        Shape::Either(shapes) => shapes.iter().map(describe).collect::<Vec<_>>().join(" or "),
        Shape::Before(_, inner) | Shape::Since(_, inner) | Shape::Tolerated(_, inner) => {
            describe(inner)
        }
    }
}

/// A text that two values share exactly when they are equal, wherever they stand.
fn canonical(node: &Node) -> String {
    match &node.value {
        Value::List(list) => format!(
            "[{}]",
            list.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
        Value::Map(map) => {
            let mut entries: Vec<String> = map
                .entries
                .iter()
                .map(|entry| format!("{:?}:{}", entry.key, canonical(&entry.node)))
                .collect();
            entries.sort_unstable();
            format!("{{{}}}", entries.join(","))
        }
        Value::Text(text) | Value::Timestamp(text) => format!("{text:?}"),
        Value::Null => "null".to_owned(),
        scalar => scalar.to_text().unwrap_or_default(),
    }
}
