//! Reads the keys of one mapping into Rust types. The format was checked before: what does not fit
//! here stands where the format looks away, and is refused as docker's decoder does.

use std::collections::BTreeMap;

use super::Load;
use crate::stack::fault::{Fault, Problem};
use crate::stack::model::Origin;
use crate::stack::text::duration;
use crate::stack::yaml::{Map, Node, Place, Value};

/// A mapping with its path.
#[derive(Clone)]
pub(super) struct Fields<'tree> {
    pub(super) map: Option<&'tree Map>,
    pub(super) place: &'tree Place,
    pub(super) path: String,
}

impl<'tree> Fields<'tree> {
    /// The mapping a node is; anything else reads as an empty one.
    pub(super) fn of(node: &'tree Node, path: impl Into<String>) -> Self {
        Self {
            map: node.as_map(),
            place: &node.place,
            path: path.into(),
        }
    }

    pub(super) fn origin(&self) -> Origin {
        Origin {
            place: self.place.clone(),
            path: self.path.clone(),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'tree Node> {
        self.map.and_then(|map| map.get(key))
    }

    pub(super) fn below(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// The mapping under `key`; `None` if there is no such key.
    pub(super) fn section(&self, key: &str) -> Option<Self> {
        self.get(key).map(|node| Self::of(node, self.below(key)))
    }

    /// The items of the list under `key`, each with its path.
    pub(super) fn items(&self, key: &str) -> Option<Vec<(&'tree Node, String)>> {
        let Value::List(list) = &self.get(key)?.value else {
            return None;
        };
        let path = self.below(key);
        Some(
            list.iter()
                .enumerate()
                .map(|(index, node)| (node, format!("{path}[{index}]")))
                .collect(),
        )
    }

    /// Empty if the key is not there.
    pub(super) fn text(&self, key: &str, load: &mut Load<'_>) -> String {
        match self.get(key).map(|node| (node, &node.value)) {
            None | Some((_, Value::Null)) => String::new(),
            Some((_, Value::Text(text))) => text.clone(),
            Some((node, value)) => {
                load.wrong_type(node, &self.below(key), "a string", value);
                String::new()
            }
        }
    }

    pub(super) fn switch(&self, key: &str, load: &mut Load<'_>) -> Option<bool> {
        let node = self.get(key)?;
        match &node.value {
            Value::Bool(value) => Some(*value),
            Value::Null => None,
            value => {
                load.wrong_type(node, &self.below(key), "true or false", value);
                None
            }
        }
    }

    pub(super) fn integer(&self, key: &str, load: &mut Load<'_>) -> Option<i64> {
        let node = self.get(key)?;
        let number = whole(&node.value).and_then(|number| i64::try_from(number).ok());
        if number.is_none() {
            load.wrong_type(node, &self.below(key), "an integer", &node.value);
        }
        number
    }

    /// An integer from 0 on.
    pub(super) fn unsigned(&self, key: &str, load: &mut Load<'_>) -> Option<u64> {
        let node = self.get(key)?;
        let number = whole(&node.value);
        if number.is_some_and(|number| number < 0) {
            load.problems
                .push(Problem::at(&node.place, self.below(key), Fault::Negative));
            return None;
        }
        let number = number.and_then(|number| u64::try_from(number).ok());
        if number.is_none() {
            load.wrong_type(node, &self.below(key), "an integer", &node.value);
        }
        number
    }

    /// In nanoseconds.
    pub(super) fn duration(&self, key: &str, load: &mut Load<'_>) -> Option<i64> {
        let node = self.get(key)?;
        let nanoseconds = node.as_text().and_then(duration::parse);
        if nanoseconds.is_none() {
            load.wrong_type(node, &self.below(key), "a duration", &node.value);
        }
        nanoseconds
    }

    /// A list of strings, or one string as a list of one.
    pub(super) fn texts(&self, key: &str, load: &mut Load<'_>) -> Option<Vec<String>> {
        let node = self.get(key)?;
        if let Value::Text(text) = &node.value {
            return Some(vec![text.clone()]);
        }
        let items = self.items(key)?;
        Some(
            items
                .into_iter()
                .filter_map(|(item, path)| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    value => {
                        load.wrong_type(item, &path, "a string", value);
                        None
                    }
                })
                .collect(),
        )
    }

    /// `[K=V, …]` or `{K: V}`; `None` for keys without a value.
    pub(super) fn pairs(
        &self,
        key: &str,
        load: &mut Load<'_>,
    ) -> Option<BTreeMap<String, Option<String>>> {
        let node = self.get(key)?;
        let path = self.below(key);
        match &node.value {
            Value::Map(map) => Some(
                map.entries
                    .iter()
                    .map(|entry| {
                        let null = entry.node.value == Value::Null;
                        let text = entry.node.value.to_text().filter(|_| !null);
                        (entry.key.clone(), text)
                    })
                    .collect(),
            ),
            Value::List(list) => Some(
                list.iter()
                    .filter_map(|item| match &item.value {
                        Value::Text(text) => Some(match text.split_once('=') {
                            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                            None => (text.clone(), None),
                        }),
                        value => {
                            load.wrong_type(item, &path, "a string", value);
                            None
                        }
                    })
                    .collect(),
            ),
            _ => None,
        }
    }

    /// [`Fields::pairs`] with an empty text where there is no value: labels and options.
    pub(super) fn labels(
        &self,
        key: &str,
        load: &mut Load<'_>,
    ) -> Option<BTreeMap<String, String>> {
        let pairs = self.pairs(key, load)?;
        Some(
            pairs
                .into_iter()
                .map(|(name, value)| (name, value.unwrap_or_default()))
                .collect(),
        )
    }
}

/// The number as Go's decoder takes it into an integer: fractions are cut.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Integer(number) => Some(*number),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "docker's decoder cuts the same way"
        )]
        Value::Float(number) if number.abs() < 1e18 => Some(*number as i128),
        _ => None,
    }
}
