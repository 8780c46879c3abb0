//! Dates and timestamps as go-yaml recognises them, shown as Go's `time.Time` prints itself.

/// The text `fmt.Sprint(time)` gives, if go-yaml takes `text` for a date or timestamp.
pub(super) fn parse(text: &str) -> Option<String> {
    if !text.is_ascii() {
        return None;
    }
    let mut cursor = Cursor(text);
    let year = cursor.digits(4, 4)?;
    cursor.expect("-")?;
    let month = cursor.digits(1, 2)?;
    cursor.expect("-")?;
    let day = cursor.digits(1, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if cursor.0.is_empty() {
        return Some(format!("{date} 00:00:00 +0000 UTC"));
    }
    let zoned = match cursor.take()? {
        'T' | 't' => true,
        ' ' => false,
        _ => return None,
    };
    let clock = clock(&mut cursor)?;
    let zone = if zoned {
        zone(&mut cursor)?
    } else {
        "+0000 UTC".to_owned()
    };
    cursor
        .0
        .is_empty()
        .then(|| format!("{date} {clock} {zone}"))
}

fn clock(cursor: &mut Cursor<'_>) -> Option<String> {
    let hour = cursor.digits(1, 2)?;
    cursor.expect(":")?;
    let minute = cursor.digits(1, 2)?;
    cursor.expect(":")?;
    let second = cursor.digits(1, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut fraction = String::new();
    if cursor.0.starts_with(['.', ',']) {
        cursor.take()?;
        while cursor.0.starts_with(|next: char| next.is_ascii_digit()) {
            fraction.push(cursor.take()?);
        }
        if fraction.is_empty() {
            return None;
        }
        fraction.truncate(9);
        fraction.truncate(fraction.trim_end_matches('0').len());
    }
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(format!("{hour:02}:{minute:02}:{second:02}{dot}{fraction}"))
}

/// `Z` or `+hh:mm`; a zone without a name is printed as its offset again.
fn zone(cursor: &mut Cursor<'_>) -> Option<String> {
    let sign = cursor.take()?;
    if sign == 'Z' {
        return Some("+0000 UTC".to_owned());
    }
    if !matches!(sign, '+' | '-') {
        return None;
    }
    let hours = cursor.digits(2, 2)?;
    cursor.expect(":")?;
    let minutes = cursor.digits(2, 2)?;
    if hours > 24 || minutes > 60 {
        return None;
    }
    if hours == 0 && minutes == 0 {
        return Some("+0000 UTC".to_owned());
    }
    let offset = format!("{sign}{hours:02}{minutes:02}");
    Some(format!("{offset} {offset}"))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

struct Cursor<'text>(&'text str);

impl Cursor<'_> {
    fn take(&mut self) -> Option<char> {
        let first = self.0.chars().next()?;
        self.0 = &self.0[first.len_utf8()..];
        Some(first)
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let length = self
            .0
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if length < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        digits.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_four_formats() {
        for (text, wanted) in [
            ("2001-12-14", Some("2001-12-14 00:00:00 +0000 UTC")),
            ("2001-1-4", Some("2001-01-04 00:00:00 +0000 UTC")),
            (
                "2001-12-14t21:59:43.10-05:00",
                Some("2001-12-14 21:59:43.1 -0500 -0500"),
            ),
            (
                "2001-12-15T02:59:43.1Z",
                Some("2001-12-15 02:59:43.1 +0000 UTC"),
            ),
            ("2001-12-14 21:59:43", Some("2001-12-14 21:59:43 +0000 UTC")),
            ("2001-02-29", None),
            ("2001-12-14 21:59", None),
            ("2001-12-14T21:59:43", None),
            ("20011-12-14", None),
        ] {
            assert_eq!(parse(text).as_deref(), wanted, "{text}");
        }
    }
}
