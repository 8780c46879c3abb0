//! GPUs as Docker's generic resources, by which Swarm gives each task its own.

pub mod daemon_json;
pub mod error;
pub mod execute;
pub mod observe;
pub mod plan;
