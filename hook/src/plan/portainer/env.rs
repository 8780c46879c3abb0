//! Variables as Portainer takes them. On plain Docker it writes them as lines of an env file, which compose reads by
//! dotenv's rules; on a Swarm they arrive as they are.

use std::collections::BTreeMap;

use phoenix_common::secret::Secret;

use crate::portainer::types::EnvPair;

/// Names that steer compose, Docker or Portainer itself.
const RESERVED: [&str; 3] = ["COMPOSE_", "PORTAINER_", "DOCKER_"];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    #[error("variable {0} has a name that steers Docker or Portainer itself: give it another one")]
    Reserved(String),
    #[error("the value of variable {0} has a line break, which Portainer cannot pass on")]
    LineBreak(String),
    #[error(
        "the value of variable {0} has a single quote together with $, # or \\: plain Docker stacks of Portainer cannot have both; put it into a file"
    )]
    Quotes(String),
}

/// The list for a stack, in the order of names.
pub(super) fn pairs(
    variables: &BTreeMap<String, Secret>,
    standalone: bool,
) -> Result<Vec<EnvPair>, EnvError> {
    let pair = |(name, value): (&String, &Secret)| {
        if RESERVED.iter().any(|start| name.starts_with(start)) {
            return Err(EnvError::Reserved(name.clone()));
        }
        let value = value.expose();
        if value.contains(['\n', '\r', '\0']) {
            return Err(EnvError::LineBreak(name.clone()));
        }
        Ok(EnvPair {
            value: if standalone {
                dotenv(name, value)?
            } else {
                value.to_owned()
            },
            name: name.clone(),
        })
    };
    variables.iter().map(pair).collect()
}

/// A value that dotenv reads back unchanged. Usual ones stay bare, as everybody writes them.
fn dotenv(name: &str, value: &str) -> Result<String, EnvError> {
    let is_usual =
        |character: char| character.is_ascii_alphanumeric() || "_./:@%+,=-".contains(character);
    if value.chars().all(is_usual) {
        return Ok(value.to_owned());
    }
    if !value.contains('\'') {
        return Ok(format!("'{value}'"));
    }
    if value.contains(['$', '#', '\\', '"']) {
        return Err(EnvError::Quotes(name.to_owned()));
    }
    Ok(format!("\"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(value: &str, standalone: bool) -> Result<String, EnvError> {
        let variables = [("V".to_owned(), Secret::new(value))].into();
        pairs(&variables, standalone).map(|mut pairs| pairs.remove(0).value)
    }

    #[test]
    fn values_are_quoted_for_dotenv_only_where_they_must() {
        for (value, standalone) in [
            ("6333", "6333"),
            ("", ""),
            ("http://10.0.0.1:80/a?b=c", "'http://10.0.0.1:80/a?b=c'"),
            ("  two  ", "'  two  '"),
            ("a #b", "'a #b'"),
            ("$HOME", "'$HOME'"),
            ("it's", "\"it's\""),
        ] {
            assert_eq!(sent(value, true).as_deref(), Ok(standalone));
            assert_eq!(sent(value, false).as_deref(), Ok(value));
        }
        assert_eq!(sent("it's $5", true), Err(EnvError::Quotes("V".into())));
        assert_eq!(sent("it's $5", false).as_deref(), Ok("it's $5"));
        assert_eq!(sent("a\nb", false), Err(EnvError::LineBreak("V".into())));
        let evil = [("DOCKER_HOST".to_owned(), Secret::new("x"))].into();
        assert!(pairs(&evil, true).is_err());
    }
}
