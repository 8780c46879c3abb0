//! `$NAME`, `${NAME:-default}` and their kin in one string, as the Docker CLI substitutes them.

use super::Environment;
use crate::stack::fault::Fault;

/// The text with its variables replaced, and what the author should know about it.
#[derive(Debug, PartialEq)]
pub(super) struct Substituted {
    pub(super) text: String,
    /// `$NAME-rest`: the rest was taken for a default value and is gone.
    pub(super) swallowed: Option<String>,
    /// Variables that are set nowhere and have no default.
    pub(super) unset: Vec<String>,
}

/// Replaces all variables of `template`.
///
/// The Docker CLI forgets a mistake when a good variable follows it in the same string; so do we,
/// since what it accepts is accepted here.
pub(super) fn substitute(template: &str, environment: &Environment) -> Result<Substituted, Fault> {
    let mut result = Substituted {
        text: String::new(),
        swallowed: None,
        unset: Vec::new(),
    };
    let mut mistake = None;
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        result.text.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if let Some(behind) = after.strip_prefix('$') {
            result.text.push('$');
            rest = behind;
            continue;
        }
        let Some((expression, braced, behind)) = expression(after) else {
            mistake = Some(Fault::BadVariable {
                template: template.to_owned(),
            });
            rest = after;
            continue;
        };
        if !braced && name_length(expression) < expression.len() {
            result.swallowed = Some(format!("${expression}"));
        }
        match value(expression, environment, &mut result.unset) {
            Ok(value) => {
                result.text.push_str(value);
                mistake = None;
            }
            Err(fault) => mistake = Some(fault),
        }
        rest = behind;
    }
    result.text.push_str(rest);
    match mistake {
        Some(fault) => Err(fault),
        None => Ok(result),
    }
}

/// The expression after a `$` (`NAME`, `NAME:-default`), whether it stood in braces, what follows it.
fn expression(after: &str) -> Option<(&str, bool, &str)> {
    let braced = after.starts_with('{');
    let start = &after[usize::from(braced)..];
    let name = name_length(start);
    if name == 0 {
        return None;
    }
    let mut length = name;
    let suffix = &start[name..];
    let operator = suffix.strip_prefix(':').unwrap_or(suffix);
    if operator.starts_with(['-', '?']) {
        length += suffix.find('}').unwrap_or(suffix.len());
    }
    let (expression, behind) = start.split_at(length);
    if braced {
        return Some((expression, true, behind.strip_prefix('}')?));
    }
    Some((expression, false, behind))
}

/// `[_a-zA-Z][_a-zA-Z0-9]*` at the start of `text`.
fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'_' | b'a'..=b'z' | b'A'..=b'Z') => bytes
            .iter()
            .take_while(|byte| matches!(byte, b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'))
            .count(),
        _ => 0,
    }
}

/// The operators are searched in the whole expression, in this order: `${A-b:-c}` is variable
/// `A-b` with the default `c`.
fn value<'text>(
    expression: &'text str,
    environment: &'text Environment,
    unset: &mut Vec<String>,
) -> Result<&'text str, Fault> {
    if let Some((name, default)) = expression.split_once(":-") {
        return Ok(environment
            .get(name)
            .filter(|value| !value.is_empty())
            .unwrap_or(default));
    }
    if let Some((name, default)) = expression.split_once('-') {
        return Ok(environment.get(name).unwrap_or(default));
    }
    let required = |name: &str, message: &str| Fault::RequiredVariable {
        name: name.to_owned(),
        message: message.to_owned(),
    };
    if let Some((name, message)) = expression.split_once(":?") {
        let value = environment.get(name).filter(|value| !value.is_empty());
        return value.ok_or_else(|| required(name, message));
    }
    if let Some((name, message)) = expression.split_once('?') {
        return environment.get(name).ok_or_else(|| required(name, message));
    }
    Ok(environment.get(expression).unwrap_or_else(|| {
        unset.push(expression.to_owned());
        ""
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(template: &str) -> Result<String, Fault> {
        let environment = Environment::of(&[("VAR", "val"), ("EMPTY", "")]);
        substitute(template, &environment).map(|result| result.text)
    }

    #[test]
    fn forms() {
        for (template, wanted) in [
            ("a $VAR b", "a val b"),
            ("${VAR}s", "vals"),
            ("$$VAR", "$VAR"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${UNSET-d}", "d"),
            ("${UNSET}", ""),
            ("${UNSET-a:-b}", "b"),
            ("${UNSET:-${VAR}}", "${VAR}"),
            ("$VAR-rest of it", "val"),
            ("$1 then $VAR", "1 then val"),
        ] {
            assert_eq!(run(template).as_deref(), Ok(wanted), "{template}");
        }
    }

    #[test]
    fn refusals() {
        for template in ["$1", "a$", "${A B}", "${a.b}", "${A:+x}", "${A", "$VAR $1"] {
            assert!(
                matches!(run(template), Err(Fault::BadVariable { .. })),
                "{template}"
            );
        }
        for template in ["${EMPTY:?m}", "${UNSET?m}"] {
            assert!(
                matches!(run(template), Err(Fault::RequiredVariable { .. })),
                "{template}"
            );
        }
    }
}
