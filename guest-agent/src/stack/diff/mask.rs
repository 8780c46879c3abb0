//! Keeps the values of the deploy's variables from being shown. All of them: nothing tells the agent
//! which ones are secrets.

use phoenix_common::untrusted::Untrusted;
use serde_json::Value;

use super::HIDDEN;

/// Shorter values hide too much and protect nothing.
const SHORTEST: usize = 3;
/// Shortest quoted part of a message that is looked up in the values.
const SHORTEST_PART: usize = 4;

/// Texts that must not be shown: the values of the deploy's variables.
#[derive(Clone, Default)]
pub struct Mask(Vec<String>);

impl Mask {
    pub fn new<'value>(values: impl IntoIterator<Item = &'value str>) -> Self {
        let mut values: Vec<String> = values
            .into_iter()
            .filter(|value| value.len() >= SHORTEST)
            .map(str::to_owned)
            .collect();
        // The longest first: a value may be part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a value stands in the text, also one that a shell's rules split or took quotes from.
    pub fn hits(&self, text: &str) -> bool {
        let bare_text = bare(text);
        self.0.iter().any(|value| {
            let bare = bare(value);
            text.contains(value) || (bare.len() >= SHORTEST && bare_text.contains(&bare))
        })
    }

    /// As [`Mask::hits`], for all texts and numbers inside; the items of a list also as one text.
    pub fn hits_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.hits(text),
            Value::Number(number) => self.hits(&number.to_string()),
            Value::Array(list) => {
                let texts: String = list.iter().filter_map(Value::as_str).collect();
                self.hits(&texts) || list.iter().any(|item| self.hits_value(item))
            }
            Value::Object(map) => map
                .iter()
                .any(|(key, value)| self.hits(key) || self.hits_value(value)),
            Value::Null | Value::Bool(_) => false,
        }
    }

    /// A message for people: values and quoted parts of values are replaced; where that is not enough,
    /// nothing of it is shown.
    pub fn hide(&self, message: &str) -> String {
        let hidden = self.0.iter().fold(message.to_owned(), |text, value| {
            let quoted = |text: &str| text.trim_matches('"').to_owned();
            let debug = quoted(&format!("{value:?}"));
            let forms = [
                value.clone(),
                Untrusted(value).to_string(),
                Untrusted(&debug).to_string(),
                debug,
                quoted(&Value::from(value.as_str()).to_string()),
            ];
            forms
                .iter()
                .filter(|form| form.len() >= SHORTEST)
                .fold(text, |text, form| text.replace(form.as_str(), HIDDEN))
        });
        let hidden = self.hide_parts(&hidden);
        if self.hits(&hidden.replace(HIDDEN, "")) {
            return format!("{HIDDEN}: it holds the value of a variable");
        }
        hidden
    }

    /// Quoted texts that are a part of a value: a port's or a mount's field, say.
    fn hide_parts(&self, message: &str) -> String {
        let parts: Vec<&str> = message.split('"').collect();
        let last = parts.len().saturating_sub(1);
        let shown = parts.iter().enumerate().map(|(index, part)| {
            let inside = index % 2 == 1 && index < last;
            let of_value = |value: &String| bare(value).contains(&bare(part));
            if inside && bare(part).len() >= SHORTEST_PART && self.0.iter().any(of_value) {
                HIDDEN
            } else {
                *part
            }
        });
        shown.collect::<Vec<_>>().join("\"")
    }
}

/// Without what quoting and splitting add or take, and in lower case as some keys are read.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '"' | '\'' | '\\'))
        .flat_map(char::to_lowercase)
        .collect()
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Mask({} values)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_found_however_it_was_quoted() {
        let mask = Mask::new(["pa\"ss\\word", "two words", "8080"]);
        for value in [
            json!("--pw=pa\"ss\\word"),
            json!(["--pw=pa\"ss\\word"]),
            json!(["--pw=password"]),
            json!(["two", "words"]),
            json!({"Key": {"two words": 1}}),
            json!(8080),
        ] {
            assert!(mask.hits_value(&value), "{value}");
        }
        assert!(!mask.hits_value(&json!(["harmless", 80, null, true])));
    }

    #[test]
    fn messages_show_no_value_and_no_part_of_one() {
        let mask = Mask::new(["pa\"ss\\word\n1", "left:rightmost"]);
        for (message, shown) in [
            (
                format!("{:?} is not a command", "--pw pa\"ss\\word\n1"),
                r#""--pw (hidden)" is not a command"#,
            ),
            (
                r#"x.yml:1:1: ports: "rightmost" is not a port"#.to_owned(),
                r#"x.yml:1:1: ports: "(hidden)" is not a port"#,
            ),
            (
                "invalid: left:'rightmost'".to_owned(),
                "(hidden): it holds the value of a variable",
            ),
            (
                r#"service "web" is right"#.to_owned(),
                r#"service "web" is right"#,
            ),
        ] {
            assert_eq!(mask.hide(&message), shown);
        }
    }
}
