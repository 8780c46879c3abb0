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
use super::model::{Condition, Origin, Stack};
use super::names::Namespace;
use super::operation::ObjectKind;
use super::spec::{NetworkSpec, ObjectSpec, ServiceSpec};

/// All that shall exist of a stack, by name.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    pub networks: BTreeMap<String, NetworkSpec>,
    /// Networks that must exist already.
    pub external_networks: BTreeSet<String>,
    /// All networks declared as external, used or not.
    pub unowned_networks: BTreeSet<String>,
    /// Configs and secrets that are not the stack's to write.
    pub external_objects: BTreeSet<(ObjectKind, String)>,
    pub secrets: BTreeMap<String, ObjectSpec>,
    pub configs: BTreeMap<String, ObjectSpec>,
    /// By service name, `<stack>_<key>`.
    pub services: BTreeMap<String, ServiceSpec>,
    /// What a service waits for when it is created, by its name.
    pub dependencies: BTreeMap<String, Vec<Dependency>>,
}

/// A service that comes first, and how far it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub service: String,
    pub condition: Condition,
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
        external_objects: external_objects(stack),
        unowned_networks: unowned_networks(stack),
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
        dependencies: dependencies(namespace, stack),
    };
    if convert.problems.is_empty() {
        Ok(desired)
    } else {
        Err(convert.problems)
    }
}

/// Those on services that are there.
fn dependencies(namespace: &Namespace, stack: &Stack) -> BTreeMap<String, Vec<Dependency>> {
    let known = |key: &&String| stack.services.contains_key(*key);
    let services = stack.services.iter();
    services
        .map(|(key, service)| {
            let wanted = service.depends_on.iter().filter(|(key, _)| known(key));
            let dependencies = wanted.map(|(key, condition)| Dependency {
                service: namespace.scoped(key),
                condition: *condition,
            });
            (namespace.scoped(key), dependencies.collect::<Vec<_>>())
        })
        .filter(|(_, dependencies)| !dependencies.is_empty())
        .collect()
}

fn external_objects(stack: &Stack) -> BTreeSet<(ObjectKind, String)> {
    [
        (ObjectKind::Secret, &stack.secrets),
        (ObjectKind::Config, &stack.configs),
    ]
    .into_iter()
    .flat_map(|(kind, objects)| {
        let external = objects.values().filter(|object| object.external);
        external.map(move |object| (kind, object.name.clone()))
    })
    .collect()
}

fn unowned_networks(stack: &Stack) -> BTreeSet<String> {
    let external = stack.networks.values().filter(|network| network.external);
    external.map(|network| network.name.clone()).collect()
}
