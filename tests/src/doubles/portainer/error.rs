//! How the doubles themselves fail, as opposed to what they answer.

use std::path::{Path, PathBuf};

/// A double that cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum DoubleError {
    #[error("cannot listen on {address}")]
    Listen {
        address: String,
        source: std::io::Error,
    },
    #[error("cannot {action} {}", path.display())]
    Path {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("certificate: {0}")]
    Certificate(String),
    #[error("signing key: {0}")]
    Key(String),
    #[error("the database {} is no JSON of ours", path.display())]
    Database {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("no runtime")]
    Runtime { source: std::io::Error },
    #[error("the double's thread ended")]
    Ended,
}

impl DoubleError {
    pub(super) fn path(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Path {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
