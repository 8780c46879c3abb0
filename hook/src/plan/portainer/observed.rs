//! What was seen of Portainer and of what it runs.

use std::collections::BTreeMap;

use phoenix_common::observed::Observed;

use crate::portainer::types::{Config, Container, Environment, Service, Stack};

#[derive(Debug, Clone, PartialEq)]
pub struct ObservedPortainer {
    /// `Unknown`: it does not answer (yet).
    pub server: Observed<Server>,
    /// Its container runs in the primary guest: waiting is for the server itself.
    pub primary_is_up: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Server {
    /// It answers; we have no key, or one that it does not know any more.
    NoKey {
        version: String,
    },
    /// It will not let us in whatever we do.
    Closed(String),
    Open(Box<Inventory>),
}

/// All that a plan looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    pub version: String,
    pub url: String,
    pub environments: Vec<Environment>,
    pub stacks: Vec<Stack>,
    /// Compose files by stack id; only of stacks that are declared.
    pub files: BTreeMap<u64, Observed<String>>,
    /// What runs, by environment id; only where stacks are declared.
    pub runtimes: BTreeMap<u64, Observed<Runtime>>,
}

/// What runs in an environment.
#[derive(Debug, Clone, PartialEq)]
pub enum Runtime {
    Compose(Vec<Container>),
    Swarm {
        id: String,
        services: Vec<Service>,
        configs: Vec<Config>,
    },
}

impl Inventory {
    /// Whether a stack's environment is gone: nobody can use the record as it is.
    pub fn is_orphan(&self, stack: &Stack) -> bool {
        let mut ids = self.environments.iter().map(|environment| environment.id);
        !ids.any(|id| id == stack.endpoint_id)
    }
}
