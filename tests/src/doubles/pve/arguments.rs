//! Words of a command line as Proxmox's tools take them apart.

use std::collections::BTreeMap;

use super::error::PveError;

/// Positional words, `--option value` pairs, and what follows `--`.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) words: Vec<String>,
    pub(super) options: BTreeMap<String, String>,
    pub(super) rest: Vec<String>,
    /// Options in their order, also those given more than once.
    repeated: Vec<(String, String)>,
}

impl Arguments {
    /// An option without a value (the next word is an option too, or there is none) is `1`.
    pub(super) fn parse(words: &[String]) -> Self {
        let mut parsed = Self::default();
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            if word == "--" {
                parsed.rest = words.cloned().collect();
                break;
            }
            let Some(name) = option_name(word) else {
                parsed.words.push(word.clone());
                continue;
            };
            let (name, value) = if let Some((name, value)) = name.split_once('=') {
                (name, value.to_owned())
            } else if name == "command" {
                // Its value is mandatory, whatever it begins with.
                (name, words.next().cloned().unwrap_or_default())
            } else {
                let value = words.next_if(|next| option_name(next).is_none() && *next != "--");
                (name, value.cloned().unwrap_or_else(|| "1".to_owned()))
            };
            parsed.repeated.push((name.to_owned(), value.clone()));
            parsed.options.insert(name.to_owned(), value);
        }
        parsed
    }

    /// Position 0, which must be a vmid.
    pub(super) fn vmid(&self, usage: &str) -> Result<u32, PveError> {
        let Some(word) = self.words.first() else {
            return Err(PveError::Usage(format!(
                "400 not enough arguments\n{usage}"
            )));
        };
        word.parse().map_err(|_| {
            PveError::Parameter(format!(
                "vmid: type check ('integer') failed - got '{word}'\n{usage}"
            ))
        })
    }

    /// Every value of an option that may be given more than once.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let given = self.repeated.iter().filter(|(key, _)| key == name);
        given.map(|(_, value)| value.clone()).collect()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.options.get(name).is_some_and(|value| value == "1")
    }

    pub(super) fn seconds(&self, name: &str, default: u64) -> u64 {
        let value = self.options.get(name).and_then(|value| value.parse().ok());
        value.unwrap_or(default)
    }
}

/// `--name` and `-name`; a lone number such as `-1` is a value.
fn option_name(word: &str) -> Option<&str> {
    let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        .then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_options_and_the_rest_are_told_apart() {
        let words = [
            "201",
            "--cores",
            "2",
            "-name=a",
            "--skiplock",
            "--x",
            "y",
            "--",
            "ls",
            "-l",
        ];
        let parsed = Arguments::parse(&words.map(str::to_owned));
        assert_eq!(parsed.words, ["201"]);
        assert_eq!(parsed.rest, ["ls", "-l"]);
        let options: Vec<_> = parsed
            .options
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect();
        assert_eq!(
            options,
            [("cores", "2"), ("name", "a"), ("skiplock", "1"), ("x", "y")]
        );
        assert_eq!(parsed.vmid("").unwrap(), 201);
    }
}
