//! Runs inside a guest.
