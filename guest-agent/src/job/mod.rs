//! Long work that outlives the exec that started it.
//!
//! A job is a folder below `/run/phoenix-guest-agent/jobs` with the files `lock`, `work` (its kind),
//! `request.json`, `started`, `progress.jsonl` and `result.json`. Its runner holds the lock for as long as
//! it lives, so the kernel says whether it does, not a pid that may be someone else's by now.

pub mod error;
pub mod folder;
pub mod name;
mod result;
pub mod runner;
pub mod start;
pub mod status;
mod sweep;
