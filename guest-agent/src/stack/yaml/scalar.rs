//! What a scalar's text means: the rules of go-yaml v3 (`resolve.go`), since the Docker CLI reads
//! compose files with it. They differ from YAML 1.2: `0440` is octal, `0b11` binary, `1_000` a number.

use super::node::Value;
use super::{float, timestamp};

/// How the scalar stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    /// Single or double quotes, `|` and `>` blocks.
    Quoted,
}

/// The value of a scalar. `tag` is its explicit tag in short form (`!!int`, `!own`).
///
/// # Errors
/// When an explicit tag does not fit the text; go-yaml refuses those too.
pub fn resolve(text: &str, style: Style, tag: Option<&str>) -> Result<Value, TagMismatch> {
    let tag = tag.filter(|tag| *tag != "!");
    let value = match (tag, style) {
        (None, Style::Plain) => plain(text, true),
        (Some("!!binary"), _) => binary(text).ok_or(TagMismatch)?,
        (Some("!!null" | "!!bool" | "!!int" | "!!float" | "!!timestamp"), _) => {
            tagged(text, tag.unwrap_or_default())?
        }
        // Quoted text, `!!str` and the author's own tags.
        (None, Style::Quoted) | (Some(_), _) => Value::Text(text.to_owned()),
    };
    Ok(value)
}

/// The tag does not fit the text.
#[derive(Debug, PartialEq, Eq)]
pub struct TagMismatch;

fn tagged(text: &str, tag: &str) -> Result<Value, TagMismatch> {
    let value = plain(text, tag == "!!timestamp");
    match (tag, value) {
        ("!!null", Value::Null) => Ok(Value::Null),
        ("!!bool", Value::Bool(value)) => Ok(Value::Bool(value)),
        ("!!int", Value::Integer(value)) => Ok(Value::Integer(value)),
        ("!!float", Value::Float(value)) => Ok(Value::Float(value)),
        #[expect(
            clippy::cast_precision_loss,
            reason = "go-yaml converts the same lossy way"
        )]
        ("!!float", Value::Integer(value)) => Ok(Value::Float(value as f64)),
        ("!!timestamp", Value::Timestamp(text)) => Ok(Value::Timestamp(text)),
        _ => Err(TagMismatch),
    }
}

fn binary(text: &str) -> Option<Value> {
    use base64::Engine as _;
    let compact: String = text.split_ascii_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(compact)
        .ok()?;
    String::from_utf8(bytes).ok().map(Value::Text)
}

fn plain(text: &str, dates: bool) -> Value {
    if let Some(value) = named(text) {
        return value;
    }
    match text.as_bytes().first() {
        Some(b'.') => float::parse(text).map(Value::Float),
        Some(b'0'..=b'9' | b'+' | b'-') => numeric(text, dates),
        _ => None,
    }
    .unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn named(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn numeric(text: &str, dates: bool) -> Option<Value> {
    if dates && let Some(date) = timestamp::parse(text) {
        return Some(Value::Timestamp(date));
    }
    let compact = text.replace('_', "");
    if let Some(integer) = integer(&compact) {
        return Some(Value::Integer(integer));
    }
    if is_yaml_float(&compact)
        && let Some(value) = float::parse(&compact)
    {
        return Some(Value::Float(value));
    }
    None
}

/// `strconv.ParseInt(text, 0, 64)`, then `ParseUint`, then go-yaml's own `0b` and `0o` forms.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -magnitude } else { magnitude };
    // A sign makes ParseUint fail, so numbers above i64 must be bare.
    let signed = text.starts_with(['+', '-']);
    let highest = if signed {
        i128::from(i64::MAX)
    } else {
        i128::from(u64::MAX)
    };
    (i128::from(i64::MIN)..=highest)
        .contains(&value)
        .then_some(value)
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_yaml_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match resolve(text, Style::Plain, None).unwrap() {
            Value::Text(text) => format!("text {text}"),
            other => format!("{} {}", other.kind(), other.to_text().unwrap()),
        }
    }

    #[test]
    fn plain_scalars_resolve_as_in_go_yaml() {
        for (text, wanted) in [
            ("010", "a number 8"),
            ("0o17", "a number 15"),
            ("0x1F", "a number 31"),
            ("0b11", "a number 3"),
            ("-0b11", "a number -3"),
            ("1_000", "a number 1000"),
            ("08", "a number 8"),
            ("09.5", "a number 9.5"),
            ("3.10", "a number 3.1"),
            ("1e3", "a number 1000"),
            (".5", "a number 0.5"),
            ("18446744073709551615", "a number 18446744073709551615"),
            ("18446744073709551616", "a number 1.8446744073709552e+19"),
            ("22:22", "text 22:22"),
            ("yes", "text yes"),
            ("on", "text on"),
            ("1.2.3", "text 1.2.3"),
            ("-", "text -"),
            ("True", "a boolean true"),
            ("2001-12-14", "a date 2001-12-14 00:00:00 +0000 UTC"),
            ("2001-13-14", "text 2001-13-14"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn tags_force_or_refuse() {
        let tagged = |text, tag| resolve(text, Style::Quoted, Some(tag));
        assert_eq!(tagged("3", "!!int"), Ok(Value::Integer(3)));
        assert_eq!(tagged("3", "!!float"), Ok(Value::Float(3.0)));
        assert_eq!(tagged("x", "!!int"), Err(TagMismatch));
        assert_eq!(tagged("x", "!own"), Ok(Value::Text("x".into())));
        assert_eq!(tagged("eA==", "!!binary"), Ok(Value::Text("x".into())));
    }
}
