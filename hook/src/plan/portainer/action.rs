//! The steps of a plan for Portainer.

use std::fmt;

use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::desired::StackContent;
use crate::portainer::types::EnvPair;

/// On configs that Phoenix makes: the stack they belong to.
pub const STACK_LABEL: &str = "phoenix.stack";

/// An action holds all it needs.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum PortainerAction {
    MintKey {
        user: String,
    },
    CreateEnvironment {
        name: String,
        url: String,
    },
    UpdateEnvironment {
        id: u64,
        name: String,
        url: String,
        reasons: Vec<String>,
    },
    CreateStack {
        vmid: Vmid,
        name: String,
        environment: u64,
        environment_name: String,
        swarm_id: Option<String>,
        #[serde(skip)]
        content: Box<StackContent>,
    },
    UpdateStack {
        vmid: Vmid,
        name: String,
        id: u64,
        environment: u64,
        environment_name: String,
        on_swarm: bool,
        reasons: Vec<String>,
        #[serde(skip)]
        content: Box<StackContent>,
        /// What runs now, for the way back.
        #[serde(skip)]
        former: Option<Former>,
    },
    /// Containers of services that the file no longer has.
    RemoveOrphans {
        vmid: Vmid,
        name: String,
        services: Vec<String>,
    },
    /// Configs of a Swarm that no file names any more.
    RemoveConfigs {
        name: String,
        environment: u64,
        configs: Vec<String>,
        #[serde(skip)]
        ids: Vec<String>,
    },
}

/// A stack as it was before an update.
#[derive(Clone, PartialEq)]
pub struct Former {
    pub file: String,
    pub env: Vec<EnvPair>,
}

impl fmt::Debug for Former {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Former").finish_non_exhaustive()
    }
}

impl PortainerAction {
    /// The stack it is about.
    pub fn stack(&self) -> Option<&str> {
        match self {
            Self::CreateStack { name, .. }
            | Self::UpdateStack { name, .. }
            | Self::RemoveOrphans { name, .. }
            | Self::RemoveConfigs { name, .. } => Some(name),
            Self::MintKey { .. }
            | Self::CreateEnvironment { .. }
            | Self::UpdateEnvironment { .. } => None,
        }
    }

    /// Something that runs is taken away.
    pub fn removes(&self) -> bool {
        matches!(self, Self::RemoveOrphans { .. })
    }
}

impl fmt::Display for PortainerAction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MintKey { user } => {
                write!(formatter, "log in as {user} once and keep an API key")
            }
            Self::CreateEnvironment { name, url } => {
                write!(formatter, "register environment {name} at {url}")
            }
            Self::UpdateEnvironment { name, reasons, .. } => {
                let reasons = reasons.join(", ");
                write!(
                    formatter,
                    "mend environment {name}: {}",
                    Untrusted(&reasons)
                )
            }
            Self::CreateStack {
                name,
                environment_name,
                ..
            } => write!(
                formatter,
                "create stack {name} in environment {environment_name}"
            ),
            Self::UpdateStack {
                name,
                environment_name,
                reasons,
                ..
            } => {
                let reasons = reasons.join(", ");
                let reasons = Untrusted(&reasons);
                write!(
                    formatter,
                    "update stack {name} in environment {environment_name}: {reasons}"
                )
            }
            Self::RemoveOrphans { vmid, name, .. } => write!(
                formatter,
                "remove containers in guest {vmid} of services that stack {name} no longer has"
            ),
            Self::RemoveConfigs { name, configs, .. } => {
                let configs = configs.join(", ");
                write!(
                    formatter,
                    "remove configs that stack {name} no longer uses: {}",
                    Untrusted(&configs)
                )
            }
        }
    }
}
