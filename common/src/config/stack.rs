//! A stack and its environments.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::origin::Origin;
use crate::secret::Secret;
use crate::spec::{Compat, DroppedKeys, OnFailure, PlacementSpec, ResolveImage, Rotate};

/// One stack, from `phoenix_stacks_config.json` and `stacks/<name>/phoenix.json` together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub name: String,
    pub description: String,
    /// Absolute.
    pub compose_file_path: PathBuf,
    pub placement: PlacementSpec,
    pub compat: Compat,
    pub resolve_image: ResolveImage,
    pub on_failure: OnFailure,
    pub rotate: Rotate,
    pub dropped_keys: DroppedKeys,
    /// How long a deployment waits for changed services, in seconds.
    pub wait_seconds: u32,
    pub environments: BTreeMap<String, Environment>,
    /// Where `compose_file_path` stands, else where the stack is declared.
    pub origin: Origin,
}

/// What differs between two deployments of the same stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    pub variables: BTreeMap<String, Variable>,
    pub files: Vec<EnvironmentFile>,
}

/// A value for `${NAME}` in the compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub value: Secret,
    /// Refused where it would rest in plain text.
    pub secret: bool,
}

/// The content of an entry of the compose file's top-level `configs:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Key under `configs:`: the file's `name`, else the base name of `destination`.
    pub name: String,
    /// Absolute path on the hypervisor.
    pub source: PathBuf,
    /// Where the service finds it, as the operator wrote it.
    pub destination: String,
    pub origin: Origin,
}
