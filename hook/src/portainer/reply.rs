//! Reading an answer: bounded, and an error's text whatever form it has.

use phoenix_common::secret::Secret;
use serde::Deserialize;

/// Longest text kept of an error's message or details, in characters.
const TEXT_CHARACTERS: usize = 2000;
/// What stands in place of a secret.
const BLOT: &str = "[secret]";
/// A shorter text is no secret: blotting it out would only spoil messages.
const SHORTEST_SECRET: usize = 6;

/// `message` and `details` of an error.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorText {
    pub message: String,
    pub details: String,
}

#[derive(Deserialize)]
struct JsonError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: String,
}

/// Portainer answers errors as JSON, Go's router as text, a dead agent's proxy with nothing.
pub(super) fn error_text(body: &[u8], secrets: &[&Secret]) -> ErrorText {
    let text = match serde_json::from_slice::<JsonError>(body) {
        Ok(error) => ErrorText {
            // Many errors say the same twice, with another first letter.
            details: if error.details.eq_ignore_ascii_case(&error.message) {
                String::new()
            } else {
                error.details
            },
            message: error.message,
        },
        Err(_) => ErrorText {
            message: String::from_utf8_lossy(body).trim().to_owned(),
            details: String::new(),
        },
    };
    ErrorText {
        message: shown(&text.message, secrets),
        details: shown(&text.details, secrets),
    }
}

fn shown(text: &str, secrets: &[&Secret]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        let secret = secret.expose();
        if secret.len() >= SHORTEST_SECRET {
            text = text.replace(secret, BLOT);
        }
    }
    text.chars().take(TEXT_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_in_every_form() {
        let read = |body: &str| error_text(body.as_bytes(), &[&Secret::new("canary-1")]);
        let json = read(r#"{"message":"failed: canary-1","details":"why"}"#);
        assert_eq!(json.message, "failed: [secret]");
        assert_eq!(json.details, "why");
        let twice = read(r#"{"message":"already inactive","details":"Already inactive"}"#);
        assert_eq!(twice.details, "");
        assert_eq!(read("404 page not found\n").message, "404 page not found");
        assert_eq!(read(""), ErrorText::default());
        assert_eq!(read(&"x".repeat(100_000)).message.len(), TEXT_CHARACTERS);
    }
}
