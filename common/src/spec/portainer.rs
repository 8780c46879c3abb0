//! Portainer's own containers in a guest outside a Swarm.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Which containers of Portainer a guest runs. One that is `None` is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortainerSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<PortainerServerSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<PortainerAgentSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortainerServerSpec {
    pub image: String,
    pub https_port: u16,
    /// Published only where the operator declared plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_port: Option<u16>,
    /// Of the first administrator; the server takes it once, at its first start.
    #[serde(with = "crate::secret::exposed")]
    pub admin_password: Secret,
    #[serde(with = "crate::secret::exposed")]
    pub agent_secret: Secret,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortainerAgentSpec {
    pub image: String,
    pub port: u16,
    #[serde(with = "crate::secret::exposed")]
    pub agent_secret: Secret,
}
