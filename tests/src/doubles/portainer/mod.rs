//! A Portainer server and its agents, for tests: on the wire what the recorded versions 2.23.0, 2.39.0
//! and 2.43.0 are (`PHOENIX_PORTAINER_TRANSCRIPTS`), in front of a guest in memory or of a real Docker
//! socket, where the real tools deploy.

mod agent;
mod behaviour;
mod client;
mod clock;
mod double;
mod error;
mod fault;
mod form;
mod guest;
mod listen;
mod options;
mod payload;
mod program;
mod random;
mod raw_client;
mod refusal;
mod request_log;
mod server;
mod thread;
mod tls;
mod wire;

pub use agent::AgentDouble;
pub use behaviour::ServerVersion;
pub use double::{ADMIN_PASSWORD, PortainerDouble};
pub use error::DoubleError;
pub use fault::{Fault, Faults};
pub use guest::{Container, MemoryGuest, Service};
pub use options::Options;
pub use program::{REQUEST_LOG, run};
pub use raw_client::RawClient;
pub use request_log::{Recorded, RequestLog};
