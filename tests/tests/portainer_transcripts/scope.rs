//! What of a recording is not compared, and why. Everything else is.

use crate::recording::{Docker, Http};

/// Why a request is neither sent nor compared.
pub(crate) fn unsent(scenario: &str, step: &Http) -> Option<&'static str> {
    match (scenario, step.label.as_str()) {
        (_, "garbage") => Some("no HTTP: answered by the HTTP library"),
        ("odd-requests", "wrong JSON type") => Some("the parser's own text"),
        _ => None,
    }
}

/// Why a look at a guest is not compared with the guest in memory.
pub(crate) fn unseen(_scenario: &str, _step: &Docker) -> Option<&'static str> {
    None
}
