//! The little languages inside strings of a compose file.

pub mod cpus;
pub mod duration;
pub mod image;
pub mod port_spec;
pub mod shell_words;
pub mod size;
