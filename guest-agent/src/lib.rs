//! What runs inside a guest: its facts, base setup, Docker, Swarm and stacks. One request at a time,
//! no listening port.

pub mod cli;
pub mod dispatch;
pub mod docker;
pub mod facts;
pub mod failure;
pub mod files;
pub mod gpu;
pub mod guest;
pub mod job;
pub mod paths;
pub mod portainer;
pub mod program;
pub mod progress;
mod report;
pub mod request;
pub mod stack;
pub mod swarm;
pub mod volumes;
pub mod work;
