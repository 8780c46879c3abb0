//! Variable substitution a second time, in other words: one pattern, as the Docker CLI does it.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let expression = "[_a-zA-Z][_a-zA-Z0-9]*(?::?[-?][^}]*)?";
    let forms = format!(r"(?<dollar>\$)|(?<bare>{expression})|\{{(?<braced>{expression})\}}|");
    Regex::new(&format!(r"\$(?:{forms})")).unwrap()
});

/// The text, or none where docker refuses it.
pub(crate) fn substitute(template: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut refused = false;
    let text = PATTERN.replace_all(template, |found: &Captures<'_>| {
        if found.name("dollar").is_some() {
            return "$".to_owned();
        }
        let expression = found.name("bare").or_else(|| found.name("braced"));
        let result = expression.and_then(|expression| evaluate(expression.as_str(), &value));
        // What comes last counts: docker keeps one error and overwrites it.
        refused = result.is_none();
        result.unwrap_or_default()
    });
    (!refused).then(|| text.into_owned())
}

fn evaluate(expression: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    for operator in [":-", "-", ":?", "?"] {
        let Some((name, rest)) = expression.split_once(operator) else {
            continue;
        };
        let empty_counts = !operator.starts_with(':');
        let set = value(name).filter(|value| empty_counts || !value.is_empty());
        let default = operator.ends_with('-').then(|| rest.to_owned());
        return set.or(default);
    }
    Some(value(expression).unwrap_or_default())
}
