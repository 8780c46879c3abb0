//! `phoenix_hypervisor_config.json`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{
    AddressWithPrefix, CertificateFingerprint, GuestName, Host, HostPath, HttpsServer, ImagePrefix,
    ImageVersion, Line, PlainName,
};
use crate::config::guest::Deployer;
use crate::config::hypervisor::PreStart;
use crate::vmid::Vmid;

/// Settings of the node. Every key has a default, and the file may be absent.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "phoenix_hypervisor_config")]
pub(in crate::config) struct HypervisorFile {
    #[serde(rename = "$schema")]
    schema: Option<String>,
    /// Format version of this file; absent means 1.
    #[schemars(range(min = 1, max = 1))]
    version: Option<u32>,
    pub(in crate::config) worker: WorkerEntry,
    /// How long pre-stop may drain a Swarm node, in seconds (default 20).
    #[schemars(range(min = 0, max = 600))]
    pub(in crate::config) drain_seconds: Option<u64>,
    /// What pre-start does about a broken configuration (default `lenient`).
    pub(in crate::config) pre_start: Option<PreStart>,
    /// Who deploys stacks of Swarm guests that name no deployer (default `swarm`).
    pub(in crate::config) deployer: Option<Deployer>,
    /// Server of NFS volumes that name none.
    pub(in crate::config) nfs_server: Option<Host>,
    pub(in crate::config) swarm: SwarmEntry,
    pub(in crate::config) portainer: PortainerEntry,
    pub(in crate::config) gateway: Option<GatewayEntry>,
    pub(in crate::config) pve_api: Option<PveApiEntry>,
    /// Logins to registries of images, for the stacks that name them.
    pub(in crate::config) registries: Vec<RegistryEntry>,
}

/// A login to a registry.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Registry")]
pub(in crate::config) struct RegistryEntry {
    /// As images name it: `registry.example:5000`, `docker.io`.
    pub(in crate::config) server: Host,
    pub(in crate::config) username: Line,
    /// The file with the password, readable by root only, such as `secrets/registry_password`.
    pub(in crate::config) password_file: HostPath,
}

/// Limits of the worker.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Worker")]
pub(in crate::config) struct WorkerEntry {
    /// How many guests are worked on at a time (default 4).
    #[schemars(range(min = 1, max = 64))]
    pub(in crate::config) guests_in_parallel: Option<usize>,
    /// How long a guest may take until it counts as not converged, in seconds (default 600).
    #[schemars(range(min = 1, max = 86_400))]
    pub(in crate::config) converge_deadline_seconds: Option<u64>,
    /// How long to wait for a guest's agent after its start, in seconds (default 120).
    #[schemars(range(min = 1, max = 86_400))]
    pub(in crate::config) agent_wait_seconds: Option<u64>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Swarm")]
pub(in crate::config) struct SwarmEntry {
    /// The Swarm of guests that name none (default `default`).
    pub(in crate::config) name: Option<PlainName>,
    /// Networks from which overlays are cut; default: one that overlaps nothing.
    pub(in crate::config) default_address_pool: Vec<AddressWithPrefix>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Portainer")]
pub(in crate::config) struct PortainerEntry {
    /// The Proxmox node that does Portainer's work; default: the node of the primary guest.
    pub(in crate::config) node: Option<GuestName>,
    /// Version of the server.
    pub(in crate::config) version: Option<ImageVersion>,
    /// Version of the agents.
    pub(in crate::config) agent_version: Option<ImageVersion>,
    /// Accept a version with known holes.
    pub(in crate::config) allow_vulnerable: bool,
    /// Name of the environment that stands for the Swarm (default `swarm`).
    pub(in crate::config) swarm_environment: Option<PlainName>,
    /// In front of the names of Portainer's images, such as `registry.lan:5000/`.
    pub(in crate::config) registry: Option<ImagePrefix>,
    /// Port of the server's HTTPS in its guest (default 9443).
    #[schemars(range(min = 1, max = 65_535))]
    pub(in crate::config) https_port: Option<u16>,
    /// Speak plain HTTP with the server, on port 9000: passwords and keys cross the network in the clear.
    pub(in crate::config) plain_http: bool,
    /// Name of the first administrator (default `admin`).
    pub(in crate::config) admin_username: Option<PlainName>,
}

/// The guest with nginx, and what it proxies.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Gateway")]
pub(in crate::config) struct GatewayEntry {
    #[schemars(with = "u32", range(min = 100, max = 999_999_999))]
    pub(in crate::config) vmid: Vmid,
    #[serde(default)]
    pub(in crate::config) routes: Vec<RouteEntry>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route")]
pub(in crate::config) struct RouteEntry {
    pub(in crate::config) name: PlainName,
    /// The guest that serves.
    #[schemars(with = "u32", range(min = 100, max = 999_999_999))]
    pub(in crate::config) to_vmid: Vmid,
    /// Its port.
    #[schemars(range(min = 1, max = 65_535))]
    pub(in crate::config) to_port: u16,
    /// The gateway's port.
    #[schemars(range(min = 1, max = 65_535))]
    pub(in crate::config) listen_port: u16,
    /// Host name that this route is for; default: every name.
    #[serde(default)]
    pub(in crate::config) server_name: Option<Host>,
}

/// Proxmox's REST API with a token, in place of its own tools as root.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PveApi")]
pub(in crate::config) struct PveApiEntry {
    /// Such as `https://127.0.0.1:8006`.
    pub(in crate::config) url: HttpsServer,
    /// The file with the API token, one line `USER@REALM!ID=UUID`, readable by root only.
    pub(in crate::config) token_file: HostPath,
    /// Fingerprint (SHA-256) of the server's certificate; this or `ca_file`.
    #[serde(default)]
    pub(in crate::config) fingerprint: Option<CertificateFingerprint>,
    /// Certificate of the authority that signed the server's (PEM), such as `/etc/pve/pve-root-ca.pem`.
    #[serde(default)]
    pub(in crate::config) ca_file: Option<HostPath>,
}
