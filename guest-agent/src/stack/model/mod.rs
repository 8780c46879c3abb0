//! A stack as its compose files say it, after all forms of writing are one.

mod deploy;
mod resources;
mod service;

use std::collections::BTreeMap;

use super::yaml::Place;

pub use deploy::{Deploy, Limits, Placement, Reservations, Resources, RestartPolicy, UpdateConfig};
pub use resources::{Content, FileObject, NamedVolume, Network};
pub use service::{
    Condition, CredentialSpec, FileReference, Healthcheck, Logging, NetworkAttachment, Port,
    Service, Ulimit, Volume, VolumeOptions,
};

/// One or several compose files as one.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    pub services: BTreeMap<String, Service>,
    pub networks: BTreeMap<String, Network>,
    pub volumes: BTreeMap<String, NamedVolume>,
    pub secrets: BTreeMap<String, FileObject>,
    pub configs: BTreeMap<String, FileObject>,
}

/// Where something of the model was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    pub place: Place,
    pub path: String,
}
