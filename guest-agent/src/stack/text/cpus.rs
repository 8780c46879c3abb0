//! `cpus: "0.5"` in billionths, exactly: what Go's `big.Rat` reads, times 10^9.

/// The number in units of 10⁻⁹; `None` if it is no number or finer than that.
pub fn parse_nano(text: &str) -> Option<i64> {
    let (numerator, denominator) = match text.split_once('/') {
        Some((above, below)) => (whole(above)?, u128::from(below.parse::<u64>().ok()?)),
        None => decimal(text)?,
    };
    let denominator = i128::try_from(denominator)
        .ok()
        .filter(|value| *value != 0)?;
    let nano = numerator.checked_mul(1_000_000_000)?;
    if nano % denominator != 0 {
        return None;
    }
    i64::try_from(nano / denominator).ok()
}

fn whole(text: &str) -> Option<i128> {
    text.parse::<i64>().ok().map(i128::from)
}

/// Mantissa and power of ten below it.
fn decimal(text: &str) -> Option<(i128, u128)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if unsigned.len() + fraction.len() == 0 || !digits_only(unsigned) || !digits_only(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let mut number: i128 = format!("{whole}{fraction}").parse().ok()?;
    let below = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    if below >= 0 {
        return Some((number, 10_u128.checked_pow(below.unsigned_abs())?));
    }
    number = number.checked_mul(10_i128.checked_pow(below.unsigned_abs())?)?;
    Some((number, 1))
}

#[cfg(test)]
mod tests {
    use super::parse_nano;

    #[test]
    fn exact_or_nothing() {
        for (text, wanted) in [
            ("0.5", Some(500_000_000)),
            ("1.5", Some(1_500_000_000)),
            ("1e-1", Some(100_000_000)),
            ("2E0", Some(2_000_000_000)),
            ("1/4", Some(250_000_000)),
            (".25", Some(250_000_000)),
            ("1.", Some(1_000_000_000)),
            ("0.0000000001", None),
            ("1/3", None),
            ("", None),
            ("half", None),
            ("1/0", None),
        ] {
            assert_eq!(parse_nano(text), wanted, "{text:?}");
        }
    }
}
