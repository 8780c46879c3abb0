//! What of a recording is not compared, and why. Everything else is.

use crate::recording::Http;

/// Why a request is neither sent nor compared.
pub(crate) fn unsent(scenario: &str, step: &Http) -> Option<&'static str> {
    match (scenario, step.label.as_str()) {
        (_, "garbage") => Some("no HTTP: answered by the HTTP library"),
        ("odd-requests", "wrong JSON type") => Some("the parser's own text"),
        _ => None,
    }
}
