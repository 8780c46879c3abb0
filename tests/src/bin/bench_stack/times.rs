//! The times of one contender.

use std::time::Duration;

use crate::error::BenchError;
use crate::result::Row;

/// Collects the times of contenders that take turns, so that a busy moment hits all alike.
pub(crate) struct Times {
    name: String,
    taken: Vec<Duration>,
}

impl Times {
    pub(crate) fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            taken: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, taken: Duration) {
        self.taken.push(taken);
    }

    pub(crate) fn row(mut self) -> Row {
        self.taken.sort();
        let at = |index: usize| {
            self.taken
                .get(index)
                .copied()
                .unwrap_or_default()
                .as_secs_f64()
                * 1000.0
        };
        Row {
            runs: self.taken.len(),
            median_ms: at(self.taken.len() / 2),
            least_ms: at(0),
            most_ms: at(self.taken.len().saturating_sub(1)),
            writes: None,
            name: self.name,
        }
    }
}

/// What is timed under one name.
pub(crate) type Timed<'run> = (&'run str, &'run dyn Fn() -> Result<Duration, BenchError>);

/// Each in turn, `runs` times, after one run that does not count.
pub(crate) fn in_turns(runs: usize, contenders: &[Timed<'_>]) -> Result<Vec<Row>, BenchError> {
    let mut times: Vec<Times> = contenders.iter().map(|(name, _)| Times::of(name)).collect();
    for round in 0..=runs {
        for (times, (_, time)) in times.iter_mut().zip(contenders) {
            let taken = time()?;
            if round > 0 {
                times.add(taken);
            }
        }
    }
    Ok(times.into_iter().map(Times::row).collect())
}
