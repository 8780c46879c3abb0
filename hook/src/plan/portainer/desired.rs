//! What Portainer shall hold: environments, and the stacks it deploys.

use std::collections::BTreeMap;

use phoenix_common::secret::Secret;
use phoenix_common::spec::ComposeText;
use phoenix_common::vmid::Vmid;

use crate::portainer::types::EnvPair;

/// Everything, or the part that a run is about.
#[derive(Debug, Clone, PartialEq)]
pub struct PortainerDesired {
    /// The guest that runs the server.
    pub primary: Vmid,
    /// The administrator.
    pub user: String,
    pub environments: Vec<EnvironmentDesired>,
}

impl PortainerDesired {
    /// How many stacks Portainer shall deploy.
    pub fn stacks(&self) -> usize {
        let counts = self
            .environments
            .iter()
            .map(|environment| environment.stacks.len());
        counts.sum()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentDesired {
    pub name: String,
    /// `tcp://host:port` of its agent, or why there is none.
    pub url: Result<String, String>,
    pub kind: EnvironmentKind,
    /// The guests it stands for.
    pub guests: Vec<Vmid>,
    pub stacks: Vec<PortainerStack>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvironmentKind {
    Standalone(Vmid),
    Swarm(String),
}

/// A stack of `docker_stacks` with `deployer: portainer`.
#[derive(Debug, Clone, PartialEq)]
pub struct PortainerStack {
    /// The guest it is assigned to.
    pub vmid: Vmid,
    /// The deployed name.
    pub name: String,
    /// Deployed by hand: the steps are shown, nothing is done.
    pub manual: bool,
    /// What is sent, or why that cannot be made.
    pub content: Result<Box<StackContent>, String>,
}

/// What Portainer is given.
#[derive(Debug, Clone, PartialEq)]
pub struct StackContent {
    /// The compose file as Portainer stores it.
    pub file: String,
    pub env: Vec<EnvPair>,
    /// What runs when all is well.
    pub services: Vec<ServiceDesired>,
    /// Configs of the Swarm that the file names; made before, and old ones removed after.
    pub configs: Vec<ConfigDesired>,
    /// The operator's own file and values: for the images.
    pub source: ComposeText,
    pub variables: BTreeMap<String, Secret>,
}

/// A service of the compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDesired {
    pub name: String,
    /// Ends by itself: exited with 0 is as it shall be.
    pub one_shot: bool,
}

/// A config of a Swarm, named by its content.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigDesired {
    pub name: String,
    pub content_base64: String,
}

impl std::fmt::Debug for ConfigDesired {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The content may be a secret.
        let mut shown = formatter.debug_struct("ConfigDesired");
        shown.field("name", &self.name).finish_non_exhaustive()
    }
}
