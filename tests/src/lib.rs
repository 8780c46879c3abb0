//! The lab and what the black-box tests share.

pub mod doubles;
pub mod lab;
