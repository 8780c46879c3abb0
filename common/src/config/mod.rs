//! The configuration of `/etc/phoenix`: read, checked as a whole, and typed.

mod error;
mod guest;
mod hypervisor;
mod origin;
mod queries;
mod specs;
mod stack;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use error::{ConfigError, ConfigErrors, Excerpt, Rule, Scope, Severity};
pub use guest::{
    ComposeFile, Deployer, Features, Guest, GuestKind, Network, PortainerRole, StackAssignment,
    SwarmMember, Volume,
};
pub use hypervisor::{Gateway, Hypervisor, PortainerSettings, PreStart, Route, SwarmSettings};
pub use origin::Origin;
pub use queries::Unhandled;
pub use specs::{SpecError, WhoDeploys};
pub use stack::{Environment, EnvironmentFile, Stack, Variable};

use crate::vmid::Vmid;

/// The whole estate as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder it was read from; relative host paths start here.
    pub directory: PathBuf,
    pub hypervisor: Hypervisor,
    pub guests: BTreeMap<Vmid, Guest>,
    pub stacks: BTreeMap<String, Stack>,
    /// SHA-256 over all files read, independent of the folder: equal on nodes with equal files.
    pub digest: String,
    /// What does not stop a run, and (after [`load_for`]) the mistakes that concern other guests.
    pub warnings: Vec<ConfigError>,
}
