//! `environment` and `env_file`. The variables of the deploy fill in where a value is empty.

use std::collections::BTreeMap;

use super::Load;
use super::fields::Fields;
use crate::stack::fault::{Fault, Problem};
use crate::stack::interpolate::Environment;

pub(crate) type Pairs = BTreeMap<String, Option<String>>;

/// The environment of a service: env files in their order, then `environment` over them.
pub(super) fn resolve(load: &mut Load<'_>, fields: &Fields<'_>) -> Pairs {
    let mut result = Pairs::new();
    for name in fields.texts("env_file", load).unwrap_or_default() {
        let fault = match load.files.by_path(&name) {
            None => load.files.missing(&name),
            Some(content) => match parse(&content.0, load.environment) {
                Ok(pairs) => {
                    result.extend(pairs);
                    continue;
                }
                Err((line, reason)) => Fault::EnvFile { name, line, reason },
            },
        };
        let place = fields
            .get("env_file")
            .map_or(fields.place, |node| &node.place);
        load.problems
            .push(Problem::at(place, fields.below("env_file"), fault));
    }
    let mut result = filled(result, load.environment);
    let written = fields.pairs("environment", load).unwrap_or_default();
    result.extend(filled(written, load.environment));
    result
}

/// A value that is missing or empty gives way to the variable of the same name.
fn filled(pairs: Pairs, environment: &Environment) -> Pairs {
    pairs
        .into_iter()
        .map(|(name, value)| {
            let empty = value.as_ref().is_none_or(String::is_empty);
            let variable = environment.get(&name).filter(|_| empty).map(str::to_owned);
            let value = variable.or(value);
            (name, value)
        })
        .collect()
}

/// An env file, line by line and literally: quotes, inner `#`, trailing blanks and `$` stay.
pub(crate) fn parse(
    content: &[u8],
    environment: &Environment,
) -> Result<Pairs, (usize, &'static str)> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut pairs = Pairs::new();
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        if line.len() >= 64 * 1024 {
            return Err((number, "longer than 64 KiB"));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line)
            .map_err(|_| (number, "not UTF-8"))?
            .trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (line, None),
        };
        if name.is_empty() {
            return Err((number, "no name before `=`"));
        }
        if name.contains([' ', '\t']) {
            return Err((number, "a blank in the name"));
        }
        // A bare name is taken from the variables or dropped.
        if let Some(value) = value.or_else(|| environment.get(line)) {
            pairs.insert(name.to_owned(), Some(value.to_owned()));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_literal() {
        let environment = Environment::of(&[("BARE", "shell")]);
        let text = b"\xef\xbb\xbf  A='x' # y \r\n#c\n\nB=\nBARE\nGONE\n";
        let pairs = parse(text, &environment).unwrap();
        let wanted = [("A", "'x' # y "), ("B", ""), ("BARE", "shell")];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), Some(value.to_owned())));
        assert_eq!(pairs, Pairs::from(wanted));
        assert_eq!(
            parse(b"A B=1", &environment),
            Err((1, "a blank in the name"))
        );
        assert_eq!(parse(b"\n=1", &environment), Err((2, "no name before `=`")));
    }
}
