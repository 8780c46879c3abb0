//! Doubles of programs and servers that the tests cannot have for real; held to recordings.

pub mod portainer;
pub mod pve;
