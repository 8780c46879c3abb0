//! Whether what a stack declares is what runs. A record says nothing about it.

use std::collections::BTreeSet;

use super::desired::ServiceDesired;
use super::observed::Runtime;
use crate::portainer::types::Container;

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const NAMESPACE: &str = "com.docker.stack.namespace";

/// What is not as it shall be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Has to be deployed again: `web is missing`, `web is exited`.
    pub gone: Vec<String>,
    /// Is on its way, or cannot run where it is: `web 0/2`.
    pub coming: Vec<String>,
    /// Services that run and stand in no file.
    pub orphans: Vec<String>,
}

/// Compares the services of the stack `name` with what runs.
pub fn lacking(name: &str, services: &[ServiceDesired], runtime: &Runtime) -> Lacking {
    match runtime {
        Runtime::Compose(containers) => compose(name, services, containers),
        Runtime::Swarm {
            services: found, ..
        } => {
            let mut lacking = Lacking::default();
            for service in services {
                let full = format!("{name}_{}", service.name);
                let found = found.iter().find(|found| found.spec.name == full);
                match found.map(|found| found.service_status.as_ref()) {
                    None => lacking.gone.push(format!("{} is missing", service.name)),
                    Some(Some(status)) if status.running_tasks < status.desired_tasks => {
                        let (running, desired) = (status.running_tasks, status.desired_tasks);
                        let line = format!("{} {running}/{desired}", service.name);
                        lacking.coming.push(line);
                    }
                    Some(_) => {}
                }
            }
            let ours = found.iter().filter(|found| {
                found
                    .spec
                    .labels
                    .get(NAMESPACE)
                    .is_some_and(|of| of == name)
            });
            let start = format!("{name}_");
            let bare = ours.filter_map(|found| found.spec.name.strip_prefix(&start));
            lacking.orphans = unknown(bare, services);
            lacking
        }
    }
}

fn compose(name: &str, services: &[ServiceDesired], containers: &[Container]) -> Lacking {
    let label = |container: &&Container, label: &str| container.labels.get(label).cloned();
    let of_stack = containers
        .iter()
        .filter(|container| label(container, PROJECT).as_deref() == Some(name));
    let of_stack: Vec<(&Container, String)> = of_stack
        .map(|container| (container, label(&container, SERVICE).unwrap_or_default()))
        .collect();
    let mut lacking = Lacking::default();
    for service in services {
        let mut of_service = of_stack
            .iter()
            .filter(|(_, name)| *name == service.name)
            .map(|(container, _)| *container)
            .peekable();
        if of_service.peek().is_none() {
            lacking.gone.push(format!("{} is missing", service.name));
        }
        for container in of_service.filter(|container| !is_well(container, service.one_shot)) {
            let state = &container.state;
            lacking.gone.push(format!("{} is {state}", service.name));
        }
    }
    let names = of_stack.iter().map(|(_, name)| name.as_str());
    lacking.orphans = unknown(names, services);
    lacking
}

/// `restarting` is Docker's own business: deploying again would not change it.
fn is_well(container: &Container, one_shot: bool) -> bool {
    match container.state.as_str() {
        "running" | "restarting" => true,
        "exited" => one_shot && container.status.starts_with("Exited (0)"),
        _ => false,
    }
}

fn unknown<'name>(
    names: impl Iterator<Item = &'name str>,
    services: &[ServiceDesired],
) -> Vec<String> {
    let known: BTreeSet<&str> = services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    let unknown: BTreeSet<&str> = names.filter(|name| !known.contains(name)).collect();
    unknown.into_iter().map(str::to_owned).collect()
}
