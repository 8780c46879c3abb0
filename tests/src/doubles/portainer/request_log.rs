//! What a double was asked: the proof that nothing was written.

use std::sync::Mutex;

/// One request and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
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
pub struct RequestLog(Mutex<Vec<Recorded>>);

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

    pub(super) fn add(&self, recorded: Recorded) {
        self.lock().push(recorded);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Recorded>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
