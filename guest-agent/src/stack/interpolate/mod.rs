//! Variables: every string of the file is substituted, keys never.

mod cast;
mod template;

use std::collections::BTreeMap;

use phoenix_common::secret::Secret;

use super::fault::{Fault, Problem};
use super::notice::{Notice, Notices};
use super::yaml::{Map, Node, Value};

/// The variables a compose file may use. Values may be secrets and are never shown.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, Secret>);

impl Environment {
    pub fn new(variables: BTreeMap<String, Secret>) -> Self {
        Self(variables)
    }

    /// For tests and for variables that are no secret.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let pairs = variables.iter();
        Self(
            pairs
                .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }
}

/// Substitutes the variables of a whole file and turns the results into numbers and booleans where
/// the format wants those.
///
/// # Errors
/// All mistakes; the tree is then half done and of no use.
pub fn interpolate(
    root: &mut Node,
    environment: &Environment,
    notices: &mut Notices,
) -> Vec<Problem> {
    let mut walk = Walk {
        environment,
        notices,
        problems: Vec::new(),
    };
    if let Value::Map(map) = &mut root.value {
        walk.map(map, &Path::default());
    }
    walk.problems
}

/// Where the walk is: `keys` as the cast table sees it (list items are `[]`), `shown` for people.
#[derive(Clone, Default)]
struct Path {
    keys: String,
    shown: String,
}

impl Path {
    fn key(&self, key: &str) -> Self {
        let join = |path: &str| {
            if path.is_empty() {
                key.to_owned()
            } else {
                format!("{path}.{key}")
            }
        };
        Self {
            keys: join(&self.keys),
            shown: join(&self.shown),
        }
    }

    fn item(&self, index: usize) -> Self {
        Self {
            keys: format!("{}.[]", self.keys),
            shown: format!("{}[{index}]", self.shown),
        }
    }
}

struct Walk<'run> {
    environment: &'run Environment,
    notices: &'run mut Notices,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn map(&mut self, map: &mut Map, path: &Path) {
        for entry in &mut map.entries {
            let path = path.key(&entry.key);
            self.node(&mut entry.node, &path);
        }
    }

    fn node(&mut self, node: &mut Node, path: &Path) {
        match &mut node.value {
            Value::Map(map) => self.map(map, path),
            Value::List(list) => {
                for (index, item) in list.iter_mut().enumerate() {
                    self.node(item, &path.item(index));
                }
            }
            Value::Text(text) if text.contains('$') => match self.text(text, path, &node.place) {
                Ok(Some(value)) => node.value = value,
                Ok(None) => {}
                Err(fault) => self
                    .problems
                    .push(Problem::at(&node.place, &path.shown, fault)),
            },
            _ => {}
        }
    }

    /// The new value; `None` where substitution changed nothing.
    fn text(
        &mut self,
        text: &str,
        path: &Path,
        place: &super::yaml::Place,
    ) -> Result<Option<Value>, Fault> {
        let result = template::substitute(text, self.environment)?;
        for name in result.unset {
            self.notices
                .add(place, &path.shown, Notice::VariableNotSet { name });
        }
        if let Some(expression) = result.swallowed {
            self.notices
                .add(place, &path.shown, Notice::SwallowedDefault { expression });
        }
        if result.text == text {
            return Ok(None);
        }
        cast::cast(result.text, &path.keys).map(Some)
    }
}
