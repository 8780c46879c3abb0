//! Changes an input a little: lines, values, words and bytes.

use super::random::Random;
use super::words::{KEYS, VALUES};

/// An input of up to four changes, built on one of `kept`.
pub(crate) fn mutate(kept: &[String], random: &mut Random) -> String {
    let mut text = random.pick(kept).clone();
    for _ in 0..=random.below(4) {
        text = match random.below(9) {
            0 => lines(&text, random),
            1 | 2 => value(&text, random),
            3 => key(&text, random),
            4 => indent(&text, random),
            5 => {
                let other: &String = random.pick(kept);
                splice(&text, other, random)
            }
            6 => insert(&text, random),
            7 => cut(&text, random),
            _ => letter(&text, random),
        };
    }
    text
}

/// One line doubled, gone, or somewhere else.
fn lines(text: &str, random: &mut Random) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let index = random.below(lines.len());
    let line = lines[index];
    if !random.once_in(3) {
        lines.remove(index);
    }
    if !random.once_in(3) {
        lines.insert(random.below(lines.len() + 1), line);
    }
    lines.join("\n")
}

/// What follows a `: ` or `- ` becomes another value.
fn value(text: &str, random: &mut Random) -> String {
    let starts: Vec<usize> = text
        .match_indices([':', '-', ',', '['])
        .map(|(index, found)| index + found.len())
        .collect();
    let Some(start) = (!starts.is_empty()).then(|| *random.pick(&starts)) else {
        return insert(text, random);
    };
    let rest = &text[start..];
    let end = rest.find(['\n', ',', '}', ']']).unwrap_or(rest.len());
    format!("{} {}{}", &text[..start], random.pick(VALUES), &rest[end..])
}

/// A word before a `:` becomes another key, or a new line with a key comes in.
fn key(text: &str, random: &mut Random) -> String {
    let ends: Vec<usize> = text.match_indices(':').map(|(index, _)| index).collect();
    let key = random.pick(KEYS);
    let Some(end) = (!ends.is_empty()).then(|| *random.pick(&ends)) else {
        return format!("{text}\n{key}: {}", random.pick(VALUES));
    };
    let before = &text[..end];
    let start = before
        .char_indices()
        .rev()
        .find(|(_, letter)| letter.is_whitespace() || "{,-".contains(*letter))
        .map_or(0, |(index, letter)| index + letter.len_utf8());
    if random.once_in(2) {
        return format!("{}{key}{}", &text[..start], &text[end..]);
    }
    let column = start - before.rfind('\n').map_or(0, |newline| newline + 1);
    let more = format!("{key}: {}\n{}", random.pick(VALUES), " ".repeat(column));
    format!("{}{more}{}", &text[..start], &text[start..])
}

/// A line moves in or out, which makes it part of something else.
fn indent(text: &str, random: &mut Random) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let index = random.below(lines.len());
    let spaces = random.below(9);
    let mut to = index;
    // With what follows it, sometimes.
    if random.once_in(2) {
        to = (index + random.below(8)).min(lines.len() - 1);
    }
    for line in &mut lines[index..=to] {
        *line = format!("{}{}", " ".repeat(spaces), line.trim_start());
    }
    lines.join("\n")
}

/// The beginning of one and the end of another.
fn splice(text: &str, other: &str, random: &mut Random) -> String {
    let (head, _) = text.split_at(boundary(text, random));
    let (_, tail) = other.split_at(boundary(other, random));
    format!("{head}{tail}")
}

fn insert(text: &str, random: &mut Random) -> String {
    let (head, tail) = text.split_at(boundary(text, random));
    let word = if random.once_in(2) {
        random.pick(VALUES)
    } else {
        random.pick(KEYS)
    };
    format!("{head}{word}{tail}")
}

fn cut(text: &str, random: &mut Random) -> String {
    let (first, second) = (boundary(text, random), boundary(text, random));
    let (start, end) = (first.min(second), first.max(second));
    // Short cuts, so that something is left.
    let end = text.floor_char_boundary(end.min(start + 12));
    format!("{}{}", &text[..start], &text[end.max(start)..])
}

fn letter(text: &str, random: &mut Random) -> String {
    let (head, tail) = text.split_at(boundary(text, random));
    let letters = b" \t\n:-,[]{}&*!|>'\"%@`#?$~0aA_=./\\";
    let letter = char::from(*random.pick(letters));
    let mut rest = tail.chars();
    rest.next();
    format!("{head}{letter}{}", rest.as_str())
}

fn boundary(text: &str, random: &mut Random) -> usize {
    text.floor_char_boundary(random.below(text.len() + 1))
}
