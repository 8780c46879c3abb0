//! The Docker engine of this guest.

pub mod api_version;
pub mod engine;
pub mod error;
mod http;
