//! The node's own settings, `phoenix_hypervisor_config.json`.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::guest::Deployer;
use super::origin::Origin;
use crate::vmid::Vmid;

/// Settings with every default filled in; the file may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hypervisor {
    /// How many guests the worker reconciles at a time.
    pub worker_guests_in_parallel: usize,
    /// How long a reconcile may take until it counts as not converged, in seconds.
    pub converge_deadline_seconds: u64,
    /// How long to wait for a guest's agent after its start, in seconds.
    pub agent_wait_seconds: u64,
    /// How long pre-stop may drain a Swarm node, in seconds.
    pub drain_seconds: u64,
    pub pre_start: PreStart,
    /// Deployer of stacks on Swarm guests that name none; guests outside a Swarm always use Portainer.
    pub deployer: Deployer,
    pub swarm: SwarmSettings,
    /// Server of NFS volumes that name none.
    pub nfs_server: Option<String>,
    pub portainer: PortainerSettings,
    pub gateway: Option<Gateway>,
    /// `None`: Proxmox's own tools on the node.
    pub pve_api: Option<PveApi>,
    pub registries: Vec<Registry>,
}

/// A login to a registry of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// As image references name it.
    pub server: String,
    pub username: String,
    /// Absolute path of the file with the password.
    pub password_file: PathBuf,
    pub origin: Origin,
}

/// What pre-start does about a broken configuration.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PreStart {
    /// The guest starts.
    #[default]
    Lenient,
    /// The guest's start is refused.
    Strict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmSettings {
    /// Swarm of the guests that name none.
    pub name: String,
    /// Networks overlays are cut from; empty: Phoenix chooses one that overlaps nothing.
    pub default_address_pool: Vec<IpNet>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortainerSettings {
    /// Proxmox node that does Portainer's work; default: the node of the primary guest.
    pub node: Option<String>,
    pub version: String,
    pub agent_version: String,
    /// Accept a version below the floor.
    pub allow_vulnerable: bool,
    /// Name of the one environment that stands for a Swarm.
    pub swarm_environment: String,
    /// In front of the images' names; empty, or with a slash at its end.
    pub registry: String,
    /// Where the server listens in its guest.
    pub https_port: u16,
    /// Plain HTTP on port 9000 instead.
    pub plain_http: bool,
    pub admin_username: String,
}

/// The nginx guest and what it proxies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    pub vmid: Vmid,
    pub routes: Vec<Route>,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub name: String,
    pub to_vmid: Vmid,
    pub to_port: u16,
    pub listen_port: u16,
    pub server_name: Option<String>,
}

/// Proxmox's REST API and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PveApi {
    /// `https://HOST:PORT`.
    pub url: String,
    /// Absolute path of the file with the token.
    pub token_file: PathBuf,
    pub trust: ApiTrust,
}

/// Which certificate of a server is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiTrust {
    /// The one with this SHA-256, in hexadecimal digits.
    Fingerprint(String),
    /// Those signed by an authority in this file.
    AuthorityFile(PathBuf),
}

impl Default for Hypervisor {
    fn default() -> Self {
        Self {
            worker_guests_in_parallel: 4,
            converge_deadline_seconds: 600,
            agent_wait_seconds: 120,
            drain_seconds: 20,
            pre_start: PreStart::Lenient,
            deployer: Deployer::Swarm,
            swarm: SwarmSettings {
                name: "default".to_owned(),
                default_address_pool: Vec::new(),
            },
            nfs_server: None,
            portainer: PortainerSettings {
                node: None,
                version: "2.39.6".to_owned(),
                agent_version: "2.39.6".to_owned(),
                allow_vulnerable: false,
                swarm_environment: "swarm".to_owned(),
                registry: String::new(),
                https_port: 9443,
                plain_http: false,
                admin_username: "admin".to_owned(),
            },
            gateway: None,
            pve_api: None,
            registries: Vec::new(),
        }
    }
}
