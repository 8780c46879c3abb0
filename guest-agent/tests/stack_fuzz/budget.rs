//! What bounds a run: from the environment, so that CI and `make fuzz` run the same program.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// An input that takes longer than this hangs; generous, since the machine may be busy.
pub(crate) const INPUT_LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Budget {
    end: Instant,
    pub(crate) seed: u64,
}

impl Budget {
    pub(crate) fn of_environment() -> Self {
        Self {
            end: Instant::now() + Duration::from_secs(number("PHOENIX_FUZZ_SECONDS", 10)),
            seed: number("PHOENIX_FUZZ_SEED", 1),
        }
    }

    pub(crate) fn is_spent(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// The file to be run alone.
pub(crate) fn replay() -> Option<PathBuf> {
    std::env::var_os("PHOENIX_FUZZ_REPLAY").map(PathBuf::from)
}

/// Where findings are written.
pub(crate) fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("stack_fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|error| panic!("{variable}={text}: {error}")),
        Err(_) => default,
    }
}
