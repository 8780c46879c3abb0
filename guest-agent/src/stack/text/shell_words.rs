//! Commands written as one string, split as google/shlex does: quotes, backslashes, `#` comments.

/// The words of `text`; `None` when a quote or a backslash is left open.
pub fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '"' => double_quoted(&mut letters, word.get_or_insert_default())?,
            '\'' => single_quoted(&mut letters, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(letters.next()?),
            '#' if word.is_none() => {
                letters.by_ref().find(|letter| *letter == '\n');
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Some(words)
}

fn double_quoted(letters: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match letters.next()? {
            '"' => return Some(()),
            '\\' => word.push(letters.next()?),
            letter => word.push(letter),
        }
    }
}

fn single_quoted(letters: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match letters.next()? {
            '\'' => return Some(()),
            letter => word.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words() {
        for (text, wanted) in [
            ("serve --port 80", Some(vec!["serve", "--port", "80"])),
            (
                r#"sh -c "echo \"a b\"""#,
                Some(vec!["sh", "-c", "echo \"a b\""]),
            ),
            ("a'b c'd", Some(vec!["ab cd"])),
            ("a # rest\nb", Some(vec!["a", "b"])),
            ("a#b", Some(vec!["a#b"])),
            (r"a\ b", Some(vec!["a b"])),
            ("''", Some(vec![""])),
            ("", Some(vec![])),
            ("a 'b", None),
            ("a\\", None),
        ] {
            let words = split(text);
            let words: Option<Vec<&str>> = words
                .as_ref()
                .map(|words| words.iter().map(String::as_str).collect());
            assert_eq!(words, wanted, "{text}");
        }
    }
}
