//! The line of a file that a mistake stands on, with the values of variables blotted out.

use std::fmt;

use super::error::{ConfigError, Excerpt, Severity};
use super::json::{Kind, Node};
use super::source::Source;

/// Longest piece of a line that is shown, in characters.
const WIDTH: usize = 120;
/// How many characters before the mark are kept of a longer line.
const BEFORE: usize = 60;
/// What stands for a hidden value, whatever its length.
const HIDDEN: &str = "***";

/// The excerpt of the line that starts at byte `line_start`, marking the bytes `mark`.
pub(super) fn of_line(source: &Source, line_start: usize, mark: (usize, usize)) -> Excerpt {
    // A file may be one line of many MiB: look at no more than can be shown.
    let near = source
        .text
        .floor_char_boundary(mark.0.saturating_sub(4 * WIDTH));
    let from = line_start.max(near);
    let rest = source.text.get(from..).unwrap_or_default();
    let mut shown: Vec<char> = Vec::new();
    let (mut mark_start, mut mark_end) = (0, 0);
    let mut hidden_until = from;
    for (offset, character) in rest.char_indices() {
        let at = from + offset;
        if character == '\n' || shown.len() > mark_start + 2 * WIDTH && at > mark.0 {
            break;
        }
        if at == mark.0 {
            mark_start = shown.len();
        }
        if at < hidden_until {
            continue;
        }
        if let Some(end) = source.hidden_until(at) {
            hidden_until = end;
            shown.extend(HIDDEN.chars());
        } else {
            shown.push(printable(character));
        }
        if at < mark.1 {
            mark_end = shown.len();
        }
    }
    let mark_length = mark_end.saturating_sub(mark_start).max(1);
    cut(&shown, from > line_start, mark_start, mark_length)
}

/// The piece of a long line around the mark.
fn cut(shown: &[char], begun_before: bool, mark_start: usize, mark_length: usize) -> Excerpt {
    let skipped = if shown.len() > WIDTH {
        mark_start.saturating_sub(BEFORE)
    } else {
        0
    };
    let before = if begun_before || skipped > 0 {
        "…"
    } else {
        ""
    };
    let after = if shown.len() > skipped + WIDTH {
        "…"
    } else {
        ""
    };
    let piece: String = shown.iter().skip(skipped).take(WIDTH).collect();
    let mark_start = mark_start - skipped;
    Excerpt {
        line_text: format!("{before}{piece}{after}"),
        mark_start: mark_start + before.chars().count(),
        mark_length: mark_length.min(WIDTH.saturating_sub(mark_start).max(1)),
    }
}

fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        _ if crate::untrusted::is_unsafe(character) => '\u{fffd}',
        _ => character,
    }
}

/// Keys of stacks files whose values may be shown. Everything else there may be the value of a
/// variable, also below a misspelt key.
const SHOWN_KEYS: [&str; 14] = [
    "$schema",
    "name",
    "source",
    "destination",
    "description",
    "compose_file_path",
    "placement_constraints",
    "compat",
    "resolve_image",
    "on_failure",
    "rotate",
    "dropped_keys",
    "version",
    "wait_seconds",
];

/// Which values of a file no message may show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hide {
    /// All but those of known harmless keys: the file holds variables.
    AllButHarmless,
    /// Those whose key sounds like a secret: none belongs there, but people err.
    WhatSoundsSecret,
}

/// The bytes of the hidden texts and numbers, in order.
pub(super) fn hidden(root: &Node, hide: Hide) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    collect(root, hide, hide == Hide::AllButHarmless, &mut ranges);
    ranges
}

fn collect(node: &Node, hide: Hide, secret: bool, ranges: &mut Vec<(usize, usize)>) {
    match &node.kind {
        Kind::Object(members) => {
            for member in members {
                let secret = match hide {
                    Hide::AllButHarmless => !SHOWN_KEYS.contains(&member.key.as_str()),
                    Hide::WhatSoundsSecret => secret || sounds_secret(&member.key),
                };
                collect(&member.value, hide, secret, ranges);
            }
        }
        Kind::List(items) => {
            for item in items {
                collect(item, hide, secret, ranges);
            }
        }
        Kind::Text(_) | Kind::Number(_) if secret => ranges.push((node.start, node.end)),
        Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) | Kind::Null => {}
    }
}

fn sounds_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["password", "secret", "token", "value", "variable"]
        .iter()
        .any(|word| key.contains(word))
}

/// Shows a mistake the way a compiler does: where, the line, what, what to do.
#[derive(Debug)]
pub struct Report<'error>(pub &'error ConfigError);

impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0;
        let severity = match error.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(formatter, "{severity}[{}]: {}", error.rule, error.message)?;
        writeln!(formatter, "  --> {}", error.origin)?;
        let line = error.origin.line.to_string();
        let margin = " ".repeat(line.len());
        if let Some(excerpt) = &error.excerpt {
            let before = " ".repeat(excerpt.mark_start);
            let marks = "^".repeat(excerpt.mark_length);
            writeln!(formatter, "{margin} |")?;
            writeln!(formatter, "{line} | {}", excerpt.line_text.trim_end())?;
            writeln!(formatter, "{margin} | {before}{marks}")?;
        }
        match &error.hint {
            Some(hint) => writeln!(formatter, "{margin} = help: {hint}"),
            None => Ok(()),
        }
    }
}
