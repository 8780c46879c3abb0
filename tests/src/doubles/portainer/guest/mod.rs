//! A guest's Docker in memory: containers, services and configs without an engine, for tests of what
//! speaks to Portainer. Tests that must see real containers give the agent a real socket.

mod api;
mod blobs;
mod compose;
mod objects;
mod project;
mod swarm;
mod variables;
mod yaml;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) use compose::{DownRequest, UpRequest};
pub use objects::{Container, Service};
pub(super) use swarm::{DeployRequest, RemoveRequest};

use objects::Store;

use super::random::random_hex;

/// A guest in memory. It outlives its agent and its Portainer server.
#[derive(Debug, Clone)]
pub struct MemoryGuest(Arc<Mutex<Store>>);

impl MemoryGuest {
    pub fn standalone() -> Self {
        Self(Arc::new(Mutex::new(Store::new(None))))
    }

    /// A manager of a Swarm of its own.
    pub fn swarm_manager() -> Self {
        let id = random_hex(12) + "q";
        Self(Arc::new(Mutex::new(Store::new(Some(id)))))
    }

    /// The id of its Swarm.
    pub fn swarm_id(&self) -> Option<String> {
        self.lock().swarm_id.clone()
    }

    /// Newest first, as Docker lists them.
    pub fn containers(&self) -> Vec<Container> {
        self.lock().containers.iter().rev().cloned().collect()
    }

    pub fn services(&self) -> Vec<Service> {
        self.lock().services.clone()
    }

    pub fn networks(&self) -> Vec<String> {
        let store = self.lock();
        store.networks.iter().map(|one| one.name.clone()).collect()
    }

    pub fn volumes(&self) -> Vec<String> {
        self.lock().volumes.iter().cloned().collect()
    }

    /// Somebody removes a container by hand.
    pub fn remove_container(&self, name: &str) {
        self.lock().containers.retain(|one| one.name != name);
    }

    /// Somebody starts a container by hand, with these labels.
    pub fn add_container(&self, name: &str, labels: &[(&str, &str)]) {
        let labels = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut container = Container::new(name, "busybox:1.36");
        container.labels = labels.collect();
        self.lock().containers.push(container);
    }

    /// A container's process ends; the container stays.
    pub fn end_container(&self, name: &str, exit_code: i64) {
        let mut store = self.lock();
        for one in &mut store.containers {
            if one.name == name {
                "exited".clone_into(&mut one.state);
                one.exit_code = exit_code;
            }
        }
    }

    /// These commands end a container's start with an error.
    pub fn refuse_command(&self, command: &str) {
        self.lock().refused_commands.insert(command.to_owned());
    }

    /// Something else listens on this port of the guest.
    pub fn take_port(&self, port: u16) {
        self.lock().taken_ports.insert(port);
    }

    /// Images that cannot be pulled, besides all of registries under `.invalid`.
    pub fn refuse_image(&self, image: &str) {
        self.lock().refused_images.insert(image.to_owned());
    }

    /// How long each deployment takes at least.
    pub fn set_deploy_time(&self, time: Duration) {
        self.lock().deploy_time = time;
    }

    pub(super) fn deploy_time(&self) -> Duration {
        self.lock().deploy_time
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an image can be had.
fn is_pullable(image: &str, refused: &BTreeSet<String>) -> bool {
    let registry = image.split_once('/').map_or("", |(registry, _)| registry);
    !registry.ends_with(".invalid") && !refused.contains(image)
}
