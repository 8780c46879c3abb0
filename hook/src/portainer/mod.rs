//! Portainer's REST API, as far as Phoenix uses it. Held to recordings of real servers; the facts are in
//! `docs/development/portainer.md`.

pub mod api;
pub mod client;
pub mod credentials;
pub mod error;
pub mod form;
pub mod reach;
mod reply;
pub mod session;
#[cfg(test)]
mod tests;
pub mod types;

pub use client::{Authentication, Call, Client};
pub use error::PortainerError;
pub use session::Session;
