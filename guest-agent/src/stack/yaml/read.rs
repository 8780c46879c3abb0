//! From a compose file's text to a tree: anchors, merge keys and duplicate keys as go-yaml treats
//! them, with bounds on size, depth and expansion.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::merge_key;
use super::node::{Entry, Map, Node, Place, Value};
use super::scalar::{self, Style};
use crate::stack::fault::{Fault, Problem};

/// Largest compose file, in bytes.
pub const TEXT_LIMIT_BYTES: usize = 1 << 20;
/// Deepest nesting of lists and mappings.
pub const DEPTH_LIMIT: usize = 100;
/// Most nodes, aliases expanded.
pub const NODE_LIMIT: usize = 200_000;

/// Reads the first document of `text`; `file` is the name messages speak of.
///
/// # Errors
/// The first mistake; what follows a YAML mistake cannot be trusted.
pub fn read(file: &Arc<str>, text: &str) -> Result<Node, Problem> {
    let start = Place {
        file: file.clone(),
        line: 1,
        column: 1,
    };
    if text.len() > TEXT_LIMIT_BYTES {
        let fault = Fault::TooLarge {
            bytes: text.len(),
            limit: TEXT_LIMIT_BYTES,
        };
        return Err(Problem::at(&start, "", fault));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        file: file.clone(),
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
    };
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let place = reader.place(*error.marker());
            Problem::at(
                &place,
                "",
                Fault::Syntax {
                    message: error.info().to_owned(),
                },
            )
        })?;
        if matches!(event, Event::DocumentEnd | Event::StreamEnd) {
            break;
        }
        reader.on_event(event, span)?;
    }
    Ok(reader.root.unwrap_or(Node {
        place: start,
        value: Value::Null,
    }))
}

/// A list or mapping whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map(MapBuilder),
}

#[derive(Default)]
struct MapBuilder {
    map: Map,
    seen: HashMap<String, usize>,
    key: Option<(String, Place)>,
    merge: Option<Node>,
    merge_next: bool,
}

struct Reader {
    file: Arc<str>,
    open: Vec<Open>,
    /// With the nodes and the levels that each brings along.
    anchors: HashMap<usize, (Node, usize, usize)>,
    nodes: usize,
    root: Option<Node>,
}

impl Reader {
    fn place(&self, marker: saphyr_parser::Marker) -> Place {
        Place {
            file: self.file.clone(),
            line: marker.line(),
            column: marker.col() + 1,
        }
    }

    fn on_event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let place = self.place(span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, (anchor, tag.as_deref()), place)
            }
            Event::SequenceStart(anchor, _) => {
                self.start(place, anchor, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                self.start(place, anchor, OpenKind::Map(MapBuilder::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, &place),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        (anchor, tag): (usize, Option<&Tag>),
        place: Place,
    ) -> Result<(), Problem> {
        let style = if style == ScalarStyle::Plain {
            Style::Plain
        } else {
            Style::Quoted
        };
        let tag = tag.map(short_tag);
        if self.awaits_key() && style == Style::Plain && text == "<<" && tag.is_none() {
            return self.merge_follows(&place);
        }
        let value = scalar::resolve(text, style, tag.as_deref()).map_err(|_| {
            let fault = Fault::TagMismatch {
                tag: tag.clone().unwrap_or_default(),
                text: text.to_owned(),
            };
            Problem::at(&place, "", fault)
        })?;
        if matches!(value, Value::Float(number) if !number.is_finite()) {
            return Err(Problem::at(&place, "", Fault::NotFinite));
        }
        self.nodes += 1;
        self.finish(Node { place, value }, anchor, 1)
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { kind: OpenKind::Map(map), .. }) if map.key.is_none() && !map.merge_next)
    }

    fn merge_follows(&mut self, place: &Place) -> Result<(), Problem> {
        if let Some(Open {
            kind: OpenKind::Map(map),
            ..
        }) = self.open.last_mut()
        {
            if let Some(first) = &map.merge {
                let fault = Fault::DuplicateKey {
                    key: "<<".to_owned(),
                    first_line: first.place.line,
                };
                return Err(Problem::at(place, "", fault));
            }
            map.merge_next = true;
        }
        Ok(())
    }

    fn start(&mut self, place: Place, anchor: usize, kind: OpenKind) -> Result<(), Problem> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(Problem::at(
                &place,
                "",
                Fault::TooDeep { limit: DEPTH_LIMIT },
            ));
        }
        self.nodes += 1;
        self.open.push(Open {
            place,
            anchor,
            kind,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let Some(Open {
            place,
            anchor,
            kind,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let value = match kind {
            OpenKind::List(list) => Value::List(list),
            OpenKind::Map(builder) => Value::Map(merge_key::apply(builder.map, builder.merge)?),
        };
        let node = Node { place, value };
        let size = if anchor == 0 { 0 } else { size(&node) };
        self.finish(node, anchor, size)
    }

    fn alias(&mut self, anchor: usize, place: &Place) -> Result<(), Problem> {
        let Some((node, size, depth)) = self.anchors.get(&anchor) else {
            return Err(Problem::at(place, "", Fault::AliasInsideItself));
        };
        if self.open.len() + depth > DEPTH_LIMIT {
            let fault = Fault::TooDeep { limit: DEPTH_LIMIT };
            return Err(Problem::at(place, "", fault));
        }
        self.nodes += size;
        let node = node.clone();
        self.finish(node, 0, 0)
    }

    /// Puts a complete node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Problem> {
        if anchor != 0 {
            // The copy kept for its aliases counts too.
            self.nodes += size;
        }
        if self.nodes > NODE_LIMIT {
            return Err(Problem::at(
                &node.place,
                "",
                Fault::TooManyNodes { limit: NODE_LIMIT },
            ));
        }
        if anchor != 0 {
            let depth = depth(&node);
            self.anchors.insert(anchor, (node.clone(), size, depth));
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => {
                self.root.get_or_insert(node);
                Ok(())
            }
            Some(OpenKind::List(list)) => {
                list.push(node);
                Ok(())
            }
            Some(OpenKind::Map(map)) => map.add(node),
        }
    }
}

impl MapBuilder {
    fn add(&mut self, node: Node) -> Result<(), Problem> {
        if self.merge_next {
            self.merge_next = false;
            self.merge = Some(node);
            return Ok(());
        }
        if let Some((key, key_place)) = self.key.take() {
            self.map.entries.push(Entry {
                key,
                key_place,
                node,
            });
            return Ok(());
        }
        let Value::Text(key) = node.value else {
            let fault = Fault::KeyNotText {
                found: node.value.kind(),
            };
            return Err(Problem::at(&node.place, "", fault));
        };
        if let Some(first_line) = self.seen.insert(key.clone(), node.place.line) {
            return Err(Problem::at(
                &node.place,
                "",
                Fault::DuplicateKey { key, first_line },
            ));
        }
        self.key = Some((key, node.place));
        Ok(())
    }
}

fn short_tag(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() || tag.handle == "!!" {
        return format!("!!{}", tag.suffix);
    }
    let whole = format!("{}{}", tag.handle, tag.suffix);
    match whole.strip_prefix("tag:yaml.org,2002:") {
        Some(suffix) => format!("!!{suffix}"),
        None => whole,
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Map(map) => {
            1 + map
                .entries
                .iter()
                .map(|entry| 1 + size(&entry.node))
                .sum::<usize>()
        }
        _ => 1,
    }
}

/// Levels of lists and mappings.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::List(list) => 1 + list.iter().map(depth).max().unwrap_or_default(),
        Value::Map(map) => {
            let nodes = map.entries.iter().map(|entry| depth(&entry.node));
            1 + nodes.max().unwrap_or_default()
        }
        _ => 0,
    }
}
