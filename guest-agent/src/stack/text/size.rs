//! Sizes such as `64M`, as go-units' `RAMInBytes` reads them: binary units, any case, optional `b`/`ib`.

use crate::stack::yaml::float;

/// The size in bytes.
pub fn parse(text: &str) -> Option<i64> {
    let separator =
        text.rfind(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == ' ')?;
    let suffix = &text[separator + 1..];
    let number = if text.as_bytes().get(separator) == Some(&b' ') {
        &text[..separator]
    } else {
        &text[..=separator]
    };
    let number = float::parse(number)?;
    if number < 0.0 || !number.is_finite() {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "go-units cuts the fraction the same way"
    )]
    Some((number * factor(&suffix.to_ascii_lowercase())?) as i64)
}

fn factor(suffix: &str) -> Option<f64> {
    let Some(letter) = suffix.chars().next() else {
        return Some(1.0);
    };
    if letter == 'b' {
        return (suffix.len() == 1).then_some(1.0);
    }
    let power = "kmgtp".find(letter)?;
    let power = i32::try_from(power).ok()?;
    matches!(&suffix[1..], "" | "b" | "ib").then(|| 1024_f64.powi(power + 1))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn as_go_units_reads_them() {
        for (text, wanted) in [
            ("50M", Some(52_428_800)),
            ("1.5gb", Some(1_610_612_736)),
            ("8 MB", Some(8_388_608)),
            ("16KiB", Some(16_384)),
            ("100b", Some(100)),
            ("100", Some(100)),
            ("", None),
            ("M", None),
            ("1x", None),
            ("-1", None),
            ("1mm", None),
            ("10 ", Some(10)),
        ] {
            assert_eq!(parse(text), wanted, "{text:?}");
        }
    }
}
