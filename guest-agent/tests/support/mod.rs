//! What several tests of this crate use.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test binary includes this module and uses its own part of it"
)]

pub mod fake_engine;
pub mod fake_swarm;
pub mod guest;
pub mod manager;
