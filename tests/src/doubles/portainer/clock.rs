//! The doubles' time: the machine's, plus what a test has skipped.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that can be set forward, so that no test waits five minutes.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    skipped_ms: AtomicU64,
    is_frozen: AtomicBool,
}

impl Clock {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            skipped_ms: AtomicU64::new(0),
            is_frozen: AtomicBool::new(false),
        }
    }

    pub(super) fn skip(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.skipped_ms.fetch_add(time, Ordering::SeqCst);
    }

    /// From now on only skipped time passes.
    pub(super) fn freeze(&self) {
        self.is_frozen.store(true, Ordering::SeqCst);
    }

    /// Since the clock was made.
    pub(super) fn elapsed(&self) -> Duration {
        if self.is_frozen.load(Ordering::SeqCst) {
            return self.skipped();
        }
        self.start.elapsed() + self.skipped()
    }

    /// Seconds since 1970.
    pub(super) fn unix(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        (now.unwrap_or_default() + self.skipped()).as_secs()
    }

    fn skipped(&self) -> Duration {
        Duration::from_millis(self.skipped_ms.load(Ordering::SeqCst))
    }
}
