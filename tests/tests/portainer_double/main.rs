//! The Portainer double by itself: its life, its faults, its log. What it answers is held to
//! recordings by `portainer_transcripts`.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod faults;
mod life;
mod session;
