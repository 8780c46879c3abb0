//! Portainer's containers in a guest, and what the hypervisor needs to reach the server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Change;
use crate::secret::Secret;
use crate::spec::ComposeText;

/// Portainer in a guest, as it is and as its spec would change it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortainerView {
    pub server: Option<PortainerContainer>,
    pub agent: Option<PortainerContainer>,
    /// The server's certificate file in PEM form; the hypervisor trusts this one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// What [`super::Work::ApplyPortainer`] would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// A container of Portainer, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortainerContainer {
    pub name: String,
    pub image: String,
    /// `running`, `exited`, `restarting`, as Docker says.
    pub state: String,
    /// Made by Phoenix; one of others is used as it is and never changed.
    pub is_ours: bool,
}

/// A compose file whose images shall be in the guest before its stack is updated there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullImages {
    pub compose: ComposeText,
    /// Values for `${NAME}` in image names.
    #[serde(default, with = "crate::secret::exposed_map")]
    pub variables: BTreeMap<String, Secret>,
}

/// Containers of a compose project whose service is no longer in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveOrphans {
    pub project: String,
    /// The services that the file has.
    pub services: Vec<String>,
}
