//! `phoenix_stacks_config.json` and `stacks/<name>/phoenix.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{
    AbsolutePath, ConfigName, Constraint, EnvironmentName, HostPath, Line, ServiceName, StackName,
    Value, VariableName,
};
use crate::spec::{Compat, DroppedKeys, OnFailure, ResolveImage, Rotate};

/// The stacks of the estate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "phoenix_stacks_config")]
#[expect(
    dead_code,
    reason = "gives the schema; stacks are read one by one, so that a broken one stops no other"
)]
pub(in crate::config) struct StacksFile {
    #[serde(rename = "$schema", default)]
    schema: Option<String>,
    /// Format version of this file; absent means 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1))]
    version: Option<u32>,
    /// Stacks by name.
    #[serde(default)]
    stacks: BTreeMap<StackName, StackEntry>,
}

/// A stack. What `phoenix_stacks_config.json` says and what `stacks/<name>/phoenix.json` says come together;
/// the same thing said in both is an error.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "phoenix", rename = "Stack")]
pub(in crate::config) struct StackEntry {
    #[serde(rename = "$schema", default)]
    #[expect(dead_code, reason = "for editors")]
    schema: Option<String>,
    /// Format version; absent means 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1))]
    #[expect(dead_code, reason = "checked by the schema; there is one version")]
    version: Option<u32>,
    #[serde(default)]
    pub(in crate::config) description: Option<Line>,
    /// The compose file; default: `stacks/<name>/docker-compose.yml`.
    #[serde(default)]
    pub(in crate::config) compose_file_path: Option<HostPath>,
    /// Constraints added to every service.
    #[serde(default)]
    pub(in crate::config) placement_constraints: Option<Vec<Constraint>>,
    /// What concerns single services of the compose file.
    #[serde(default)]
    pub(in crate::config) services: BTreeMap<ServiceName, ServiceEntry>,
    /// How close to `docker stack deploy` the compose file is read.
    #[serde(default)]
    #[schemars(with = "Option<CompatName>")]
    pub(in crate::config) compat: Option<Compat>,
    /// When image tags are resolved to digests.
    #[serde(default)]
    #[schemars(with = "Option<ResolveImageName>")]
    pub(in crate::config) resolve_image: Option<ResolveImage>,
    /// What becomes of the stack when a deployment fails half-way.
    #[serde(default)]
    #[schemars(with = "Option<OnFailureName>")]
    pub(in crate::config) on_failure: Option<OnFailure>,
    /// Whether changed configs and secrets get names of their own.
    #[serde(default)]
    #[schemars(with = "Option<RotateName>")]
    pub(in crate::config) rotate: Option<Rotate>,
    /// What becomes of keys that harden or open a container and have no effect in a stack.
    #[serde(default)]
    #[schemars(with = "Option<DroppedKeysName>")]
    pub(in crate::config) dropped_keys: Option<DroppedKeys>,
    /// How long a deployment waits for its services, in seconds.
    #[serde(default)]
    #[schemars(range(min = 1, max = 86_400))]
    pub(in crate::config) wait_seconds: Option<u32>,
    /// Deployments of this stack by environment: `production`, `testing`, `dev1`.
    #[serde(default)]
    pub(in crate::config) environments: BTreeMap<EnvironmentName, EnvironmentEntry>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Service")]
pub(in crate::config) struct ServiceEntry {
    /// Constraints added to this service.
    #[serde(default)]
    pub(in crate::config) placement_constraints: Vec<Constraint>,
}

/// What is special about one environment.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Environment")]
pub(in crate::config) struct EnvironmentEntry {
    #[serde(default)]
    pub(in crate::config) variables: Vec<VariableEntry>,
    #[serde(default)]
    pub(in crate::config) files: Vec<FileEntry>,
}

/// A value for `${NAME}` in the compose file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Variable")]
pub(in crate::config) struct VariableEntry {
    pub(in crate::config) name: VariableName,
    pub(in crate::config) value: Value,
    /// Refuse to put it where it would rest in plain text.
    #[serde(default)]
    pub(in crate::config) secret: bool,
}

/// A file on the hypervisor that becomes the content of an entry of the compose file's `configs:`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "File")]
pub(in crate::config) struct FileEntry {
    pub(in crate::config) source: HostPath,
    /// Where the service finds it.
    pub(in crate::config) destination: AbsolutePath,
    /// The key under `configs:`, or the path in a `file:` or `env_file:` of the compose file; default: the last
    /// part of `destination`.
    #[serde(default)]
    pub(in crate::config) name: Option<ConfigName>,
}

/// The words of [`Compat`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Compat")]
enum CompatName {
    /// Accept and send exactly what the docker CLI does.
    Docker,
    /// Accept more, as the stack guide lists it.
    Extended,
}

/// The words of [`ResolveImage`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ResolveImage")]
enum ResolveImageName {
    Always,
    /// Only where the text of the image has changed.
    Changed,
    Never,
}

/// The words of [`OnFailure`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OnFailure")]
enum OnFailureName {
    /// What was written stays; the next deployment goes on from there.
    None,
    /// Every service of the stack that was changed returns to what it was before.
    RollbackStack,
}

/// The words of [`Rotate`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Rotate")]
enum RotateName {
    /// Changed content gets the name `<name>_<hash>`.
    On,
    /// Always docker's plain names; changed content is refused.
    Off,
}

/// The words of [`DroppedKeys`].
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DroppedKeys")]
enum DroppedKeysName {
    /// The plan tells of them.
    Warning,
    /// A stack with one is not deployed.
    Error,
}
