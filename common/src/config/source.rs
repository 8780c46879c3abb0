//! A configuration file that was read, and places in it.

use std::path::PathBuf;

use super::error::{ConfigError, Excerpt, Rule};
use super::excerpt::{self, Hide};
use super::json::{self, Kind, Node};
use super::origin::Origin;
use crate::untrusted::Untrusted;

/// A parsed file.
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) text: String,
    line_starts: Vec<usize>,
    /// Bytes that no message may show, in order.
    hidden: Vec<(usize, usize)>,
    pub(super) root: Node,
}

impl Source {
    /// # Errors
    /// The text is not JSON. No excerpt is kept: without structure nobody knows what is a secret.
    pub(super) fn parse(file: PathBuf, text: String, hide: Hide) -> Result<Self, ConfigError> {
        let line_starts = line_starts(&text);
        match json::parse(&text) {
            Ok(root) => Ok(Self {
                file,
                text,
                line_starts,
                hidden: excerpt::hidden(&root, hide),
                root,
            }),
            Err(error) => {
                let (line, column) = position(&text, &line_starts, error.offset);
                let origin = Origin {
                    file,
                    line,
                    column,
                    json_path: String::new(),
                };
                let message = format!("not JSON: {}", error.message);
                let hint = error.hint.map(str::to_owned);
                Err(ConfigError::at(origin, Rule::Syntax, message).maybe_hint(hint))
            }
        }
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place {
            source: self,
            node: &self.root,
            path: String::new(),
            mark: (self.root.start, self.root.end),
        }
    }

    /// The end of the text that the byte belongs to, if no message may show it.
    pub(super) fn hidden_until(&self, offset: usize) -> Option<usize> {
        let next = self.hidden.partition_point(|(start, _)| *start <= offset);
        let (_, end) = self.hidden.get(next.checked_sub(1)?)?;
        (offset < *end).then_some(*end)
    }

    fn origin(&self, offset: usize, path: &str) -> Origin {
        let (line, column) = position(&self.text, &self.line_starts, offset);
        Origin {
            file: self.file.clone(),
            line,
            column,
            json_path: path.to_owned(),
        }
    }

    fn excerpt(&self, mark: (usize, usize)) -> Excerpt {
        let line = self
            .line_starts
            .partition_point(|start| *start <= mark.0)
            .saturating_sub(1);
        let start = self.line_starts.get(line).copied().unwrap_or(0);
        excerpt::of_line(self, start, mark)
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(offset, _)| offset + 1))
        .collect()
}

/// Line and column (in characters) of a byte offset, both from 1.
fn position(text: &str, line_starts: &[usize], offset: usize) -> (usize, usize) {
    let line = line_starts.partition_point(|start| *start <= offset);
    let start = line_starts
        .get(line.saturating_sub(1))
        .copied()
        .unwrap_or(0);
    let before = text.get(start..offset).unwrap_or_default();
    (line, before.chars().count() + 1)
}

/// A value in a file, with its JSON path and the bytes a message about it marks.
#[derive(Clone)]
pub(super) struct Place<'source> {
    pub(super) source: &'source Source,
    pub(super) node: &'source Node,
    pub(super) path: String,
    mark: (usize, usize),
}

impl<'source> Place<'source> {
    /// The value of a key; where it is absent, the object itself.
    pub(super) fn at(&self, key: &str) -> Self {
        self.get(key).unwrap_or_else(|| self.clone())
    }

    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let member = self.node.member(key)?;
        Some(Self {
            source: self.source,
            node: &member.value,
            path: with_key(&self.path, key),
            mark: (member.value.start, member.value.end),
        })
    }

    /// The values of an object, in the order of the file.
    pub(super) fn members(&self) -> Vec<(&'source str, Self)> {
        let members = self.node.members().iter();
        members
            .map(|member| {
                let place = Self {
                    source: self.source,
                    node: &member.value,
                    path: with_key(&self.path, &member.key),
                    mark: (member.value.start, member.value.end),
                };
                (member.key.as_str(), place)
            })
            .collect()
    }

    /// The elements of an array.
    pub(super) fn items(&self) -> Vec<Self> {
        (0..self.node.items().len())
            .map(|index| self.item(index))
            .collect()
    }

    /// The element of an array; where there is none, the array itself.
    pub(super) fn item(&self, index: usize) -> Self {
        match self.node.items().get(index) {
            Some(node) => Self {
                source: self.source,
                node,
                path: format!("{}[{index}]", self.path),
                mark: (node.start, node.end),
            },
            None => self.clone(),
        }
    }

    /// The n-th key of the object itself, not its value.
    pub(super) fn key(&self, index: usize) -> Self {
        match self.node.members().get(index) {
            Some(member) => Self {
                source: self.source,
                node: &member.value,
                path: with_key(&self.path, &member.key),
                mark: (member.key_start, member.key_end),
            },
            None => self.clone(),
        }
    }

    pub(super) fn origin(&self) -> Origin {
        self.source.origin(self.mark.0, &self.path)
    }

    pub(super) fn error(&self, rule: Rule, message: impl Into<String>) -> ConfigError {
        // Of a whole object or array only the opening bracket is marked.
        let opens = matches!(self.node.kind, Kind::Object(_) | Kind::List(_));
        let mark = if opens && self.mark.0 == self.node.start {
            (self.mark.0, self.mark.0 + 1)
        } else {
            self.mark
        };
        ConfigError {
            excerpt: Some(Box::new(self.source.excerpt(mark))),
            ..ConfigError::at(self.origin(), rule, message)
        }
    }
}

fn with_key(path: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$'));
    match (plain, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[\"{}\"]", Untrusted(key)),
    }
}
