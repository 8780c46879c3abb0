//! What can go wrong between this node and a Portainer server.

use phoenix_common::fs::FileError;
use phoenix_common::untrusted::Untrusted;

use crate::https::HttpsError;

/// Why the server did not do what it was asked. `asked` is method and path, never a body.
#[derive(Debug, thiserror::Error)]
pub enum PortainerError {
    #[error("{asked}")]
    Https { asked: String, source: HttpsError },
    #[error(
        "{asked}: Portainer answered {status}: {}{}",
        Untrusted(message),
        AndDetails(details)
    )]
    Status {
        asked: String,
        status: u16,
        /// As it came, secrets blotted out.
        message: String,
        details: String,
    },
    #[error(
        "{asked}: Portainer has locked itself, since no administrator was made within 5 minutes of its start: restart it (docker restart portainer)"
    )]
    LockedOut { asked: String },
    #[error("{asked}: Portainer's answer is not what was expected")]
    Json {
        asked: String,
        source: serde_json::Error,
    },
    #[error(
        "Portainer's administrator {} cannot log in with the password of {file}",
        Untrusted(user)
    )]
    Password { user: String, file: String },
    #[error(
        "Portainer bans this address for up to an hour after too many log-ins; a restart of Portainer ends that"
    )]
    Banned,
    #[error("the secrets of Portainer")]
    Secrets(#[from] FileError),
    #[error("no random numbers can be had")]
    Random { source: getrandom::Error },
}

struct AndDetails<'text>(&'text str);

impl std::fmt::Display for AndDetails<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(formatter, " ({})", Untrusted(self.0))
    }
}

impl PortainerError {
    /// The HTTP status, if the server answered with an error.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The server's own words, unescaped: to compare, not to show.
    pub fn says(&self, words: &str) -> bool {
        match self {
            Self::Status {
                message, details, ..
            } => {
                let has = |text: &str| text.to_lowercase().contains(words);
                has(message) || has(details)
            }
            _ => false,
        }
    }

    /// Whether a request that writes may have been carried out although this error came back.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Https { source, .. } => !source.never_arrived(),
            Self::Json { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Whether the same question may be answered later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Https { source, .. } => source.is_transient(),
            Self::Status { status, .. } => matches!(status, 429 | 500..=599),
            _ => false,
        }
    }

    /// The key or token is not (or no longer) valid.
    pub fn is_unauthorized(&self) -> bool {
        self.status() == Some(401)
    }
}
