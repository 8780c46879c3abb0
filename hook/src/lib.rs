//! The hypervisor side of Phoenix: hookscript, worker and the operator's command line.

pub mod channel;
pub mod exit_code;
pub mod lock;
pub mod paths;
pub mod plan;
pub mod pve;
pub mod record;
