//! A stack on a Swarm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::vmid::Vmid;

/// A stack as it shall run on a Swarm: what `docker stack deploy` would be given, and how to treat it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackSpec {
    /// The stack's name, label `com.docker.stack.namespace`: `<environment>_<stack>` on a Swarm.
    pub namespace: String,
    pub compose: ComposeText,
    /// Values for `${NAME}` in the compose file. Sent on stdin, never shown.
    #[serde(default, with = "crate::secret::exposed_map")]
    pub variables: BTreeMap<String, Secret>,
    /// Contents for entries of the top-level `configs:` (and `secrets:`) of the compose file.
    #[serde(default)]
    pub files: Vec<StackFile>,
    #[serde(default)]
    pub placement: PlacementSpec,
    #[serde(default)]
    pub compat: Compat,
    #[serde(default)]
    pub resolve_image: ResolveImage,
    /// Sent only where it is asked for: agents before it refuse the field.
    #[serde(default, skip_serializing_if = "OnFailure::is_none")]
    pub on_failure: OnFailure,
    /// Sent only where it is switched off, as above.
    #[serde(default, skip_serializing_if = "Rotate::is_on")]
    pub rotate: Rotate,
    /// Sent only where it is asked for, as above.
    #[serde(default, skip_serializing_if = "DroppedKeys::is_warning")]
    pub dropped_keys: DroppedKeys,
    /// Logins to the registries of its images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<RegistryLogin>,
    /// The guest that every task of the stack is pinned to, where the manifest assigns the stack to a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_to: Option<Vmid>,
    /// How long to wait for changed services to run their new spec, in seconds.
    pub wait_seconds: u32,
}

/// A compose file's text and the name under which messages speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComposeText {
    pub path: String,
    pub text: String,
}

/// The content of one config or secret of the compose file, from a file on the hypervisor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackFile {
    /// What the compose file says: the key under `configs:`, or a relative path in `file:`/`env_file:`.
    pub name: String,
    pub content_base64: String,
}

impl std::fmt::Debug for StackFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The content may be a secret.
        formatter
            .debug_struct("StackFile")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Placement constraints added to the services of a stack, in Swarm's own words (`node.labels.gpu == true`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacementSpec {
    #[serde(default)]
    pub all_services: Vec<String>,
    #[serde(default)]
    pub services: BTreeMap<String, Vec<String>>,
}

/// How close to `docker stack deploy` a compose file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compat {
    /// Accepts and sends exactly what the docker CLI does.
    Docker,
    /// Accepts what is listed in the stack guide on top of it.
    #[default]
    Extended,
}

/// When an image's tag is resolved to a digest, as the option of `docker stack deploy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolveImage {
    Always,
    /// Only where the compose file's image text differs from the running service's.
    #[default]
    Changed,
    Never,
}

/// What becomes of a stack whose deploy fails after its first write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// What was written stays; the next deploy goes on from there.
    #[default]
    None,
    /// Every service the deploy changed returns to the spec it had before.
    RollbackStack,
}

impl OnFailure {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature serde asks for"
    )]
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Whether changed content of a config or secret, which cannot change in place, gets a name of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotate {
    /// `<name>_<hash>`; the former one goes when all services run.
    #[default]
    On,
    /// The names that `docker stack deploy` gives, always; changed content is refused.
    Off,
}

impl Rotate {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature serde asks for"
    )]
    fn is_on(&self) -> bool {
        *self == Self::On
    }
}

/// What becomes of keys that harden or open a container and that a stack drops (`security_opt`, `privileged`, …).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DroppedKeys {
    /// The author is told.
    #[default]
    Warning,
    /// A stack with one is not deployed.
    Error,
}

impl DroppedKeys {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature serde asks for"
    )]
    fn is_warning(&self) -> bool {
        *self == Self::Warning
    }
}

/// A login to a registry of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryLogin {
    /// As image references name it: `registry.example:5000`, `docker.io`.
    pub server: String,
    pub username: String,
    #[serde(with = "crate::secret::exposed")]
    pub password: Secret,
}
