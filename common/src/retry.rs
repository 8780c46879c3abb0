//! Deadlines and waiting times.

use std::time::{Duration, Instant};

/// A moment after which nobody waits any more. Monotonic: changes of the wall clock do not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Instant);

/// Nobody waits longer than ten years: a clock cannot be added to without end.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

fn moment_in(duration: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(duration.min(LONGEST)).unwrap_or(now)
}

impl Deadline {
    pub fn after(duration: Duration) -> Self {
        Self(moment_in(duration))
    }

    /// Time left, zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// The earlier of this one and `duration` from now.
    #[must_use]
    pub fn at_most(self, duration: Duration) -> Self {
        Self(self.0.min(moment_in(duration)))
    }
}

/// Growing waiting times: `first`, then half as much again each time, up to `longest`.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            next: first,
            longest,
        }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = self.next;
        self.next = (now + now / 2).min(self.longest);
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_duration_is_a_deadline_too() {
        let deadline = Deadline::after(Duration::MAX);
        assert!(!deadline.at_most(Duration::MAX).has_passed());
        assert!(deadline.at_most(Duration::ZERO).has_passed());
    }

    #[test]
    fn backoff_grows_to_its_limit() {
        let waits: Vec<u128> = Backoff::new(Duration::from_millis(100), Duration::from_millis(300))
            .take(5)
            .map(|wait| wait.as_millis())
            .collect();
        assert_eq!(waits, [100, 150, 225, 300, 300]);
    }
}
