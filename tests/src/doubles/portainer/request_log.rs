//! What a double was asked: the proof that nothing was written.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

/// One request and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub method: String,
    /// With its query.
    pub path: String,
    /// None: the connection ended without an answer.
    pub status: Option<u16>,
}

impl Recorded {
    /// Changes the server or a guest. A log-in is no write.
    pub fn is_write(&self) -> bool {
        let is_login = self.path == "/api/auth";
        !is_login && self.method != "GET" && self.method != "HEAD"
    }
}

/// The requests since the double was made, or since the last [`RequestLog::clear`].
#[derive(Debug, Default)]
pub struct RequestLog {
    requests: Mutex<Vec<Recorded>>,
    /// Where a double in a container keeps it instead.
    file: Option<PathBuf>,
}

impl RequestLog {
    pub fn all(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    pub fn writes(&self) -> Vec<Recorded> {
        let all = self.all();
        all.into_iter().filter(Recorded::is_write).collect()
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    /// A log in a file, one JSON object a line.
    pub(super) fn in_file(file: PathBuf) -> Self {
        Self {
            requests: Mutex::default(),
            file: Some(file),
        }
    }

    pub(super) fn add(&self, recorded: Recorded) {
        let Some(file) = &self.file else {
            self.lock().push(recorded);
            return;
        };
        let written = serde_json::to_string(&recorded)
            .map_err(std::io::Error::from)
            .and_then(|line| {
                let mut file = OpenOptions::new().create(true).append(true).open(file)?;
                file.write_all((line + "\n").as_bytes())
            });
        if let Err(error) = written {
            tracing::error!("{}: {error}", file.display());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Recorded>> {
        self.requests
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
