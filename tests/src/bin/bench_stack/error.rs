//! Why a measurement could not be made.

use std::path::PathBuf;

use phoenix_tests::lab::LabError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("the lab")]
    Lab(#[from] LabError),
    #[error("cannot {action} {}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot run {program}")]
    Start {
        program: String,
        source: std::io::Error,
    },
    #[error("{contender} ended with {code}: {said}")]
    Ended {
        contender: String,
        code: i32,
        said: String,
    },
    #[error("{contender} did not do what is measured: {wrong}")]
    Wrong { contender: String, wrong: String },
    #[error("the engine: {request}")]
    Engine {
        request: String,
        source: std::io::Error,
    },
    #[error("the engine answers {request} with {answer}")]
    Refused { request: String, answer: String },
    #[error("the figures in {}", path.display())]
    Figures {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("{} has no place for the figures ({marker})", path.display())]
    NoMarker { path: PathBuf, marker: &'static str },
}

impl BenchError {
    pub(crate) fn file(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
