//! The Portainer double in front of real Docker engines: stacks deployed by the real tools, and both
//! images started as the real ones are.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod packed;
mod real;
#[expect(dead_code, reason = "shared; each test program uses a part")]
#[path = "../portainer_double/session.rs"]
mod session;
