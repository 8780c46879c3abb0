//! How an error of this program becomes an answer.

use std::error::Error;

use phoenix_common::wire::{AgentFailure, FailureKind};

/// Longest message sent, in characters: a list of all mistakes of an input is one message.
const MESSAGE_CHARACTERS: usize = 16_000;

/// The failure that `error` and its causes make.
pub fn failure(kind: FailureKind, error: &(dyn Error + 'static)) -> AgentFailure {
    let mut messages = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let message: String = error.to_string().chars().take(MESSAGE_CHARACTERS).collect();
        // A transparent error repeats its cause.
        if messages.last() != Some(&message) {
            messages.push(message);
        }
        next = error.source();
    }
    AgentFailure {
        kind,
        messages,
        hint: None,
    }
}

/// A failure with one message.
pub fn failed(kind: FailureKind, message: impl Into<String>) -> AgentFailure {
    AgentFailure {
        kind,
        messages: vec![message.into()],
        hint: None,
    }
}

/// What each error enum of this crate knows about itself.
pub trait Failure: Error + Sized + 'static {
    /// How the hypervisor shall take it.
    fn kind(&self) -> FailureKind;

    /// What the operator can do.
    fn hint(&self) -> Option<String> {
        None
    }

    fn into_failure(self) -> AgentFailure {
        AgentFailure {
            hint: self.hint(),
            ..failure(self.kind(), &self)
        }
    }
}

impl Failure for crate::docker::error::EngineError {
    fn kind(&self) -> FailureKind {
        if self.is_retryable() {
            FailureKind::Retryable
        } else {
            FailureKind::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::error::EngineError;

    #[test]
    fn every_cause_is_a_message_of_its_own() {
        let error = EngineError::Connect {
            path: "/s".into(),
            source: std::io::Error::other("why"),
        };
        let failure = error.into_failure();
        assert_eq!(failure.kind, FailureKind::Retryable);
        assert_eq!(
            failure.messages,
            ["cannot connect to the Docker socket /s", "why"]
        );
    }
}
