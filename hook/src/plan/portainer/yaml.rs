//! A compose file as a tree whose scalars stay the text that stands there, and back to text: what Portainer's own
//! tools read from it is what they read from the original.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

/// Most nodes, aliases expanded.
const NODE_LIMIT: usize = 100_000;
const DEPTH_LIMIT: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Scalar {
        text: String,
        /// Unquoted in the file: numbers, booleans and null are told from text by their reader.
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    #[error("line {line}: {message}")]
    Syntax { line: usize, message: String },
    #[error("it nests deeper than {DEPTH_LIMIT} levels or grows beyond {NODE_LIMIT} values")]
    TooLarge,
    #[error("line {line}: a key that is no text")]
    Key { line: usize },
    #[error("line {line}: {tag} cannot be passed on to Portainer")]
    Tag { line: usize, tag: String },
}

/// Reads the first document.
pub(super) fn read(text: &str) -> Result<Node, YamlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    let mut reader = Reader::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| YamlError::Syntax {
            line: error.marker().line(),
            message: error.info().to_owned(),
        })?;
        if matches!(event, Event::DocumentEnd | Event::StreamEnd) {
            break;
        }
        reader.on_event(event, span.start.line())?;
    }
    Ok(reader.root.unwrap_or(Node::Map(Vec::new())))
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    /// With the number of nodes each brings along.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    root: Option<Node>,
}

struct Open {
    anchor: usize,
    node: Node,
    key: Option<String>,
    first_node: usize,
}

impl Reader {
    fn on_event(&mut self, event: Event<'_>, line: usize) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(tag) = tag {
                    let tag = format!("{}{}", tag.handle, tag.suffix);
                    return Err(YamlError::Tag { line, tag });
                }
                let node = Node::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.nodes += 1;
                self.finish(node, anchor, 1, line)
            }
            Event::SequenceStart(anchor, _) => self.start(anchor, Node::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.start(anchor, Node::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let nodes = self.nodes - open.first_node;
                    self.finish(open.node, open.anchor, nodes, line)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let Some((node, nodes)) = self.anchors.get(&anchor).cloned() else {
                    return Ok(());
                };
                self.nodes += nodes;
                self.finish(node, 0, nodes, line)
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, anchor: usize, node: Node) -> Result<(), YamlError> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(YamlError::TooLarge);
        }
        self.open.push(Open {
            anchor,
            node,
            key: None,
            first_node: self.nodes,
        });
        self.nodes += 1;
        Ok(())
    }

    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        nodes: usize,
        line: usize,
    ) -> Result<(), YamlError> {
        if self.nodes > NODE_LIMIT {
            return Err(YamlError::TooLarge);
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        match (&mut open.node, open.key.take()) {
            (Node::List(list), _) => list.push(node),
            (Node::Map(map), Some(key)) => map.push((key, node)),
            (Node::Map(_), None) => match node {
                Node::Scalar { text, .. } => open.key = Some(text),
                _ => return Err(YamlError::Key { line }),
            },
            (Node::Scalar { .. }, _) => {}
        }
        Ok(())
    }
}

impl Node {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Scalar {
            text: text.into(),
            plain: false,
        }
    }

    pub(super) fn flag(value: bool) -> Self {
        Self::Scalar {
            text: value.to_string(),
            plain: true,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(super) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let entries = self.entries().iter();
        entries
            .rev()
            .find_map(|(name, node)| (name == key).then_some(node))
    }

    /// The value under `key`, made as an empty mapping if it is not there; `None` where this is no mapping.
    pub(super) fn entry(&mut self, key: &str) -> Option<&mut Self> {
        let is_null = |node: &Self| matches!(node, Self::Scalar { text, plain: true } if text.is_empty() || text == "~" || text == "null");
        let Self::Map(entries) = self else {
            return None;
        };
        let known = entries.iter().position(|(name, _)| name == key);
        let index = known.unwrap_or(entries.len());
        if known.is_none() {
            entries.push((key.to_owned(), Self::Map(Vec::new())));
        }
        let node = &mut entries.get_mut(index)?.1;
        if is_null(node) {
            *node = Self::Map(Vec::new());
        }
        Some(node)
    }

    /// Sets `key` of a mapping.
    pub(super) fn set(&mut self, key: &str, value: Self) {
        if let Some(node) = self.entry(key) {
            *node = value;
        }
    }

    /// As YAML in block style.
    pub(super) fn write(&self) -> String {
        let mut out = String::new();
        self.block(&mut out, 0);
        out
    }

    fn block(&self, out: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        match self {
            Self::Map(entries) => {
                for (key, node) in entries {
                    out.push_str(&indent);
                    out.push_str(&key_text(key));
                    out.push(':');
                    node.after(out, depth);
                }
            }
            Self::List(items) => {
                for node in items {
                    out.push_str(&indent);
                    out.push('-');
                    node.after(out, depth);
                }
            }
            Self::Scalar { .. } => {
                out.push_str(&indent);
                out.push_str(&self.inline());
                out.push('\n');
            }
        }
    }

    fn after(&self, out: &mut String, depth: usize) {
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                out.push('\n');
                self.block(out, depth + 1);
            }
            Self::List(items) if !items.is_empty() => {
                out.push('\n');
                self.block(out, depth + 1);
            }
            _ => {
                out.push(' ');
                out.push_str(&self.inline());
                out.push('\n');
            }
        }
    }

    fn inline(&self) -> String {
        match self {
            Self::Map(_) => "{}".to_owned(),
            Self::List(_) => "[]".to_owned(),
            // A plain text that stood on one line means the same wherever it stands alone in block style.
            Self::Scalar { text, plain: true } if !text.contains('\n') => text.clone(),
            Self::Scalar { text, .. } => quoted(text),
        }
    }
}

/// A merge key works unquoted only; a plain key of usual letters needs no quotes.
fn key_text(key: &str) -> String {
    let is_usual =
        |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    if key == "<<" || (!key.is_empty() && key.chars().all(is_usual) && !key.starts_with('-')) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// JSON's strings are YAML's double-quoted ones.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let text = "x-a: &a {mode: 0755, on: yes, n: ~}\nservices:\n  web:\n    <<: *a\n    image: \"a:1\"\n    command: ['sh', \"-c\", 'echo \"$$x\" # no']\n    empty: {}\n    none:\n    note: |\n      one\n      two\n    nested:\n      - - 1\n        - a b\n      - k: v\n";
        let tree = read(text).unwrap();
        let written = tree.write();
        assert_eq!(read(&written).unwrap(), tree, "{written}");
        assert!(written.contains("mode: 0755\n"), "{written}");
        assert!(written.contains("<<:\n"), "{written}");
    }

    #[test]
    fn what_cannot_be_passed_on_is_refused() {
        assert!(matches!(
            read("a: [").unwrap_err(),
            YamlError::Syntax { .. }
        ));
        assert!(matches!(
            read("a: !!binary x").unwrap_err(),
            YamlError::Tag { .. }
        ));
        assert!(matches!(read("[a]: b").unwrap_err(), YamlError::Key { .. }));
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e]\n";
        assert_eq!(read(bomb).unwrap_err(), YamlError::TooLarge);
    }
}
