//! From the model to what the engine is asked for. Pure: ids of configs and secrets come later.

mod capabilities;
mod container;
mod deploy;
mod files;
mod mount;
mod network;
mod port;
mod service;

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{Fault, Problem};
use super::model::{Origin, Stack};
use super::names::Namespace;
use super::spec::{NetworkSpec, ObjectSpec, ServiceSpec};

/// All that shall exist of a stack, by name.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    pub networks: BTreeMap<String, NetworkSpec>,
    /// Networks that must exist already.
    pub external_networks: BTreeSet<String>,
    pub secrets: BTreeMap<String, ObjectSpec>,
    pub configs: BTreeMap<String, ObjectSpec>,
    /// By service name, `<stack>_<key>`.
    pub services: BTreeMap<String, ServiceSpec>,
}

/// Conversion with the mistakes found on the way.
#[derive(Debug)]
pub struct Convert<'run> {
    pub namespace: &'run Namespace,
    pub stack: &'run Stack,
    pub problems: Vec<Problem>,
}

impl Convert<'_> {
    fn fault(&mut self, origin: &Origin, fault: Fault) {
        self.problems
            .push(Problem::at(&origin.place, &origin.path, fault));
    }
}

/// # Errors
/// All mistakes that show up in the meaning: undeclared names, impossible combinations.
pub fn convert(namespace: &Namespace, stack: &Stack) -> Result<Desired, Vec<Problem>> {
    let mut convert = Convert {
        namespace,
        stack,
        problems: Vec::new(),
    };
    let (networks, external_networks) = network::convert(&mut convert);
    let desired = Desired {
        networks,
        external_networks,
        secrets: files::objects(&mut convert, &stack.secrets),
        configs: files::objects(&mut convert, &stack.configs),
        services: stack
            .services
            .iter()
            .map(|(key, service)| {
                (
                    namespace.scoped(key),
                    service::convert(&mut convert, key, service),
                )
            })
            .collect(),
    };
    if convert.problems.is_empty() {
        Ok(desired)
    } else {
        Err(convert.problems)
    }
}
