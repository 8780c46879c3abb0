//! How text from guests, Docker and HTTP servers reaches a terminal or a log.

use std::fmt::{self, Write};

/// Longest text shown, in characters; the rest becomes `…`.
pub const SHOWN_CHARACTERS: usize = 512;

/// Shows foreign text with control and bidirectional characters escaped and its length cut,
/// so that a guest can neither forge a log line nor steer a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Untrusted<'text>(pub &'text str);

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, character) in self.0.chars().enumerate() {
            if index == SHOWN_CHARACTERS {
                return formatter.write_char('…');
            }
            if is_unsafe(character) {
                write!(formatter, "{}", character.escape_unicode())?;
            } else {
                formatter.write_char(character)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_steers_a_terminal() {
        let shown = Untrusted("a\u{1b}[2J\nforged\r\u{202e}x").to_string();
        assert_eq!(shown, "a\\u{1b}[2J\\u{a}forged\\u{d}\\u{202e}x");
    }

    #[test]
    fn cuts_long_text() {
        let shown = Untrusted(&"x".repeat(10_000)).to_string();
        assert_eq!(shown.chars().count(), SHOWN_CHARACTERS + 1);
    }
}
