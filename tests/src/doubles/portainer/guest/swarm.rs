//! `docker stack deploy` and `docker stack rm` in memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::objects::{Service, Store};
use super::project::{self, Project};
use super::yaml::text_of;
use super::{MemoryGuest, is_pullable};
use crate::doubles::portainer::random::random_hex;

/// How long a stack's network takes to go after its services.
const NETWORK_LEAVES: Duration = Duration::from_millis(1500);

/// A Swarm stack that the server double deploys through the agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::doubles::portainer) struct DeployRequest {
    pub(in crate::doubles::portainer) name: String,
    pub(in crate::doubles::portainer) file: String,
    pub(in crate::doubles::portainer) env: Vec<(String, String)>,
    pub(in crate::doubles::portainer) prune: bool,
}

/// A Swarm stack that is removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::doubles::portainer) struct RemoveRequest {
    pub(in crate::doubles::portainer) name: String,
}

impl MemoryGuest {
    /// # Errors
    /// The docker CLI's text.
    pub(in crate::doubles::portainer) fn deploy(
        &self,
        request: &DeployRequest,
    ) -> Result<(), String> {
        let values: BTreeMap<_, _> = request.env.iter().cloned().collect();
        let project = Project::of(&request.file, "docker-compose.yml", &values)?;
        let mut store = self.lock();
        store.tidy();
        if store.swarm_id.is_none() {
            return Err("this node is not a swarm manager".to_owned());
        }
        let network = format!("{}_default", request.name);
        let leaving = store
            .networks
            .iter()
            .any(|one| one.name == network && one.gone_at.is_some());
        if leaving {
            let service = project.services.first().map_or("", |(name, _)| name);
            return Err(format!(
                "failed to create service {}_{service}: Error response from daemon: network \
                 {network} not found\n",
                request.name
            ));
        }
        store.add_network(&network, "com.docker.stack.namespace", &request.name);
        check_configs(&store, &project)?;
        for (name, service) in &project.services {
            write(&mut store, &request.name, name, service);
        }
        if request.prune {
            let wanted = |one: &Service| {
                let names = project.services.iter();
                let mut names = names.map(|(name, _)| format!("{}_{name}", request.name));
                one.namespace() != request.name || names.any(|name| name == one.name)
            };
            store.services.retain(wanted);
        }
        Ok(())
    }

    /// # Errors
    /// The docker CLI's text, when a network of the stack is already on its way out.
    pub(in crate::doubles::portainer) fn remove_stack(
        &self,
        request: &RemoveRequest,
    ) -> Result<(), String> {
        let mut store = self.lock();
        store.tidy();
        store.services.retain(|one| one.namespace() != request.name);
        let owner = Some(&request.name);
        let mut failed = String::new();
        for one in &mut store.networks {
            if one.labels.get("com.docker.stack.namespace") != owner {
                continue;
            }
            if one.gone_at.is_some() {
                failed = format!(
                    "Failed to remove network {id}: Error response from daemon: network {id} not \
                     foundfailed to remove some resources from stack: {}\n",
                    request.name,
                    id = one.id
                );
            } else {
                one.gone_at = Some(Instant::now() + NETWORK_LEAVES);
            }
        }
        if failed.is_empty() {
            Ok(())
        } else {
            Err(failed)
        }
    }

    /// Nothing of the stack is left, not even its network.
    pub(in crate::doubles::portainer) fn is_stack_gone(&self, name: &str) -> bool {
        let mut store = self.lock();
        store.tidy();
        let name = name.to_owned();
        let owned = |labels: &BTreeMap<String, String>| {
            labels.get("com.docker.stack.namespace") == Some(&name)
        };
        !store.networks.iter().any(|one| owned(&one.labels))
    }
}

fn check_configs(store: &Store, project: &Project) -> Result<(), String> {
    for (name, config) in project.section("configs") {
        let is_external = config.get("external") == Some(&Value::Bool(true));
        let real = config.get("name").map_or_else(|| name.clone(), text_of);
        if is_external && store.configs.iter().all(|one| one.name() != real) {
            return Err(format!("config not found: {real}\n"));
        }
    }
    Ok(())
}

fn write(store: &mut Store, stack: &str, name: &str, service: &Map<String, Value>) {
    let full = format!("{stack}_{name}");
    let image = text_of(service.get("image").unwrap_or(&Value::Null));
    let deploy = service.get("deploy");
    let replicas = deploy
        .and_then(|deploy| deploy.get("replicas"))
        .and_then(Value::as_u64);
    let mut labels: BTreeMap<String, String> = deploy
        .map(|deploy| project::assignments(deploy.get("labels")))
        .unwrap_or_default()
        .iter()
        .filter_map(|label| label.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    labels.insert("com.docker.stack.namespace".to_owned(), stack.to_owned());
    labels.insert("com.docker.stack.image".to_owned(), image.clone());
    let version = store.next_version();
    let is_rejected = !is_pullable(&image, &store.refused_images);
    let before = store.services.iter().position(|one| one.name == full);
    let id = before
        .and_then(|at| store.services.get(at))
        .map(|one| one.id.clone());
    let written = Service {
        id: id.unwrap_or_else(|| random_hex(12) + "s"),
        name: full,
        version,
        image,
        replicas: replicas.unwrap_or(1),
        env: project::assignments(service.get("environment")),
        command: project::words(service.get("command")),
        labels,
        configs: project::references(service.get("configs")),
        is_rejected,
    };
    match before.and_then(|at| store.services.get_mut(at)) {
        Some(one) => *one = written,
        None => store.services.push(written),
    }
}
