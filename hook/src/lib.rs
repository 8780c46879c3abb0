//! The hypervisor side of Phoenix: hookscript, worker and the operator's command line.

pub mod channel;
pub mod cli;
pub mod commands;
pub mod context;
pub mod estate;
pub mod event;
pub mod execute;
pub mod exit_code;
pub mod fleet;
pub mod hookscript;
pub mod host;
pub mod https;
pub mod lock;
pub mod observe;
pub mod paths;
pub mod plan;
pub mod portainer;
pub mod progress;
pub mod pve;
pub mod queue;
pub mod reconcile;
pub mod record;
pub mod register;
pub mod wake;
pub mod worker;
