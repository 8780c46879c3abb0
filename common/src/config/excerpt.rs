//! The line of a file that a mistake stands on, with the values of variables blotted out.

use std::fmt;

use super::error::{ConfigError, Excerpt, Severity};
use super::json::{Kind, Node};
use super::source::Source;

/// Longest piece of a line that is shown, in characters.
const WIDTH: usize = 100;
/// How many characters before the mark are kept of a longer line.
const BEFORE: usize = 40;

/// The excerpt of the line that starts at byte `line_start`, marking the bytes `mark`.
pub(super) fn of_line(source: &Source, line_start: usize, mark: (usize, usize)) -> Excerpt {
    let rest = source.text.get(line_start..).unwrap_or_default();
    let line_end = line_start + rest.find('\n').unwrap_or(rest.len());
    let mark_end = mark.1.min(line_end).max(mark.0 + 1);
    let mut shown = Vec::new();
    let (mut mark_start, mut mark_length) = (0_usize, 0);
    for (offset, character) in rest.char_indices() {
        let at = line_start + offset;
        if at >= line_end {
            break;
        }
        if at < mark.0 {
            mark_start += 1;
        } else if at < mark_end {
            mark_length += 1;
        }
        shown.push(printable(character, source.is_hidden(at)));
    }
    let skipped = if shown.len() > WIDTH {
        mark_start.saturating_sub(BEFORE)
    } else {
        0
    };
    let room = WIDTH.saturating_sub(mark_start - skipped).max(1);
    Excerpt {
        line_text: shown.iter().skip(skipped).take(WIDTH).collect(),
        mark_start: mark_start - skipped,
        mark_length: mark_length.clamp(1, room),
    }
}

fn printable(character: char, secret: bool) -> char {
    match character {
        _ if secret => '*',
        '\t' => ' ',
        _ if crate::untrusted::is_unsafe(character) => '\u{fffd}',
        _ => character,
    }
}

/// The bytes of every text and number below a `variables` key, but the names: which of them is
/// secret is not known while the entry is broken.
pub(super) fn secrets(node: &Node, inside: bool, hidden: &mut Vec<(usize, usize)>) {
    match &node.kind {
        Kind::Object(members) => {
            for member in members {
                if !(inside && member.key == "name") {
                    secrets(&member.value, inside || member.key == "variables", hidden);
                }
            }
        }
        Kind::List(items) => items.iter().for_each(|item| secrets(item, inside, hidden)),
        Kind::Text(_) | Kind::Number(_) if inside => hidden.push((node.start, node.end)),
        Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) | Kind::Null => {}
    }
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
