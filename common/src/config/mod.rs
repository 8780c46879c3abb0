//! The configuration of `/etc/phoenix`: read, checked as a whole, and typed.
//!
//! Three stages: the file mirror (what may be written) → merged and defaulted → validated (every
//! mistake at once) → [`Config`]. Loading reads the JSON files and nothing else; what they refer to is
//! read when a spec is made of it.

#[cfg(test)]
mod arbitrary;

mod check;
mod error;
mod excerpt;
mod file;
mod guest;
mod hypervisor;
mod json;
mod load;
mod mount_options;
mod names;
mod origin;
mod queries;
mod schema;
mod shape;
mod shape_hint;
mod source;
mod sources;
mod specs;
mod stack;
mod suggest;
mod validate;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use check::{Files, GUESTS_FILE, Outcome, check_files};
pub use error::{ConfigError, ConfigErrors, Excerpt, Rule, Scope, Severity};
pub use excerpt::Report;
pub use guest::{
    ComposeFile, Deployer, Features, Guest, GuestKind, Network, PortainerRole, StackAssignment,
    SwarmMember, Volume,
};
pub use hypervisor::{
    ApiTrust, Gateway, Hypervisor, PortainerSettings, PreStart, PveApi, Route, SwarmSettings,
};
pub use load::{load, load_for, read_and_check};
pub use names::{NameError, deployed_name};
pub use origin::Origin;
pub use queries::Unhandled;
pub use schema::{SCHEMA_NAMES, schema};
pub use specs::{GuestDeclaration, SpecError, WhoDeploys};
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
