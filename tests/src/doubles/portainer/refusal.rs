//! How a request ends other than well.

use serde_json::json;

use super::wire::{self, Answer};

/// A request that is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Portainer's JSON of `message` and `details`.
    Error {
        status: u16,
        message: String,
        details: String,
    },
    /// A status with a text or nothing.
    Text { status: u16, text: &'static str },
    /// The connection ends without an answer.
    Dropped,
}

impl Refusal {
    /// `details` is the error behind the message, shown with its first letter in capitals as Go's
    /// handler does.
    pub(super) fn new(status: u16, message: impl Into<String>, details: &str) -> Self {
        Self::Error {
            status,
            message: message.into(),
            details: capitalised(details),
        }
    }

    /// Message and details of the same text.
    pub(super) fn same(status: u16, text: &str) -> Self {
        Self::new(status, text, text)
    }

    pub(super) fn payload(details: &str) -> Self {
        Self::new(400, "Invalid request payload", details)
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(401, message, "Unauthorized")
    }

    /// `bucket` and `key` as the real database names them.
    pub(super) fn missing(message: &str, bucket: &str, key: i64) -> Self {
        let details = format!("Object not found inside the database (bucket={bucket}, key={key})");
        Self::new(404, message, &details)
    }

    pub(super) fn not_found() -> Self {
        Self::Text {
            status: 404,
            text: "404 page not found\n",
        }
    }

    pub(super) fn answer(self) -> Option<Answer> {
        match self {
            Self::Error {
                status,
                message,
                details,
            } => Some(wire::json(
                status,
                &json!({"message": message, "details": details}),
            )),
            Self::Text { status, text } => Some(wire::text(status, text)),
            Self::Dropped => None,
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
