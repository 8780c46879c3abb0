//! Comparing what shall be with what is.

mod fields;
mod mask;
mod normal;

pub use fields::changes;
pub use mask::Mask;
pub use normal::{Keeps, object, service};

/// What is shown in place of a text that holds a variable's value.
pub const HIDDEN: &str = "(hidden)";
