//! What can go wrong between this program and the Docker engine.

use std::path::PathBuf;

use phoenix_common::untrusted::Untrusted;

use super::api_version::{ApiVersion, NEWEST, OLDEST};

/// Why the engine did not do what it was asked. `asked` is method and path, never a body.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the Docker socket {} is not there", path.display())]
    NoSocket { path: PathBuf },
    #[error("cannot connect to the Docker socket {}", path.display())]
    Connect {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{asked}: Docker did not answer within {seconds} s")]
    Deadline { asked: String, seconds: u64 },
    #[error("{asked}: Docker answered {status}: {}", Untrusted(message))]
    Status {
        asked: String,
        status: u16,
        message: String,
    },
    #[error("{asked}: Docker's answer is longer than {limit_bytes} bytes")]
    TooLong { asked: String, limit_bytes: usize },
    #[error("{asked}: the connection to Docker broke")]
    Connection { asked: String, source: hyper::Error },
    #[error("{asked}: not a request that can be sent")]
    Request {
        asked: String,
        source: hyper::http::Error,
    },
    #[error("{asked}: Docker's answer is not JSON")]
    Json {
        asked: String,
        source: serde_json::Error,
    },
    #[error("{asked}: Docker's answer lacks {field}")]
    Field { asked: String, field: &'static str },
    #[error("{asked}: the Docker client failed")]
    Client {
        asked: String,
        source: bollard::errors::Error,
    },
    #[error(
        "Docker speaks API {engine_oldest} to {engine_newest}, this program {OLDEST} to {NEWEST}"
    )]
    Version {
        engine_oldest: ApiVersion,
        engine_newest: ApiVersion,
    },
}

impl EngineError {
    /// An error of a call made through bollard.
    pub fn from_bollard(asked: impl Into<String>, error: bollard::errors::Error) -> Self {
        let asked = asked.into();
        match error {
            bollard::errors::Error::DockerResponseServerError {
                status_code,
                message,
            } => Self::Status {
                asked,
                status: status_code,
                message,
            },
            source => Self::Client { asked, source },
        }
    }

    /// The HTTP status the engine answered with, if it answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The engine's own words, unescaped; empty if it did not answer. To compare, not to show.
    pub fn engine_message(&self) -> &str {
        match self {
            Self::Status { message, .. } => message,
            _ => "",
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// The object was written by someone else since it was read: read again, then write again.
    pub fn is_out_of_sequence(&self) -> bool {
        self.engine_message().contains("update out of sequence")
    }

    /// The cluster has no leader (now): an election, or the quorum is lost.
    pub fn is_without_leader(&self) -> bool {
        let message = self.engine_message();
        message.contains("does not have a leader") || message.contains("context deadline exceeded")
    }

    /// Nobody listens or nobody answers; an engine that starts may do so later.
    pub fn is_silent(&self) -> bool {
        matches!(
            self,
            Self::NoSocket { .. }
                | Self::Connect { .. }
                | Self::Deadline { .. }
                | Self::Connection { .. }
        )
    }

    /// Whether the same call may work later.
    pub fn is_retryable(&self) -> bool {
        self.is_silent() || self.is_out_of_sequence() || self.is_without_leader()
    }
}
