//! YAML as the Docker CLI reads it.

pub mod float;
mod merge_key;
pub mod node;
mod read;
pub mod scalar;
mod timestamp;

pub use node::{Entry, Map, Node, Place, Value};
pub use read::{DEPTH_LIMIT, NODE_LIMIT, TEXT_LIMIT_BYTES, read};

#[cfg(test)]
mod tests;
