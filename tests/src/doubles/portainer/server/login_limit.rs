//! The limiter of log-ins: a bucket of ten that refills by one a second, then an hour's ban.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

const BUCKET: f64 = 10.0;
const BAN: Duration = Duration::from_hours(1);

/// Per address, in memory: a restart lifts every ban.
#[derive(Debug, Default)]
pub(super) struct LoginLimit(HashMap<IpAddr, Bucket>);

#[derive(Debug)]
struct Bucket {
    left: f64,
    filled: Duration,
    banned_until: Option<Duration>,
}

impl LoginLimit {
    /// Whether a request of `address` at the time `now` may go on.
    pub(super) fn allows(&mut self, address: IpAddr, now: Duration) -> bool {
        let bucket = self.0.entry(address).or_insert(Bucket {
            left: BUCKET,
            filled: now,
            banned_until: None,
        });
        if bucket.banned_until.is_some_and(|until| now < until) {
            return false;
        }
        let passed = now.saturating_sub(bucket.filled).as_secs_f64();
        bucket.left = (bucket.left + passed).min(BUCKET);
        bucket.filled = now;
        bucket.banned_until = None;
        if bucket.left < 1.0 {
            bucket.banned_until = Some(now + BAN);
            return false;
        }
        bucket.left -= 1.0;
        true
    }
}
