//! Membership of this guest in a Swarm, and, on a manager, the entries of its nodes.

pub mod decide;
pub mod error;
pub mod init;
pub mod join;
pub mod leave;
pub mod node;
pub mod refusal;
pub mod state;
pub mod tasks;
pub mod token;
pub mod view;
