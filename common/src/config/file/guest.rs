//! `phoenix_vm_configs.json`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{
    AbsolutePath, Address, AddressWithPrefix, EnvironmentName, FileMode, GuestName, Host, HostPath,
    Line, Locale, NodeLabel, NumericOwner, PackageName, PlainName, StackName, TimeOfDay, TimeZone,
    UserName,
};
use crate::config::guest::Deployer;
use crate::vmid::Vmid;

/// The guests of the estate. A bare array is read as `vms`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "phoenix_vm_configs")]
#[expect(
    dead_code,
    reason = "gives the schema; guests are read one by one, so that a broken one stops no other"
)]
pub(in crate::config) enum GuestsFile {
    /// Guests by kind.
    ByKind(GuestsByKind),
    /// Virtual machines only.
    Vms(Vec<GuestEntry>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "gives the schema")]
pub(in crate::config) struct GuestsByKind {
    #[serde(rename = "$schema", default)]
    schema: Option<String>,
    /// Format version of this file; absent means 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1))]
    version: Option<u32>,
    /// Virtual machines.
    #[serde(default)]
    vms: Vec<GuestEntry>,
    /// LXC containers.
    #[serde(default)]
    containers: Vec<GuestEntry>,
}

/// A guest.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Guest")]
pub(in crate::config) struct GuestEntry {
    /// Proxmox's number of the guest.
    #[schemars(with = "u32", range(min = 100, max = 999_999_999))]
    pub(in crate::config) vmid: Vmid,
    pub(in crate::config) name: GuestName,
    /// The template it is cloned from.
    #[serde(default)]
    #[schemars(with = "Option<u32>", range(min = 100, max = 999_999_999))]
    pub(in crate::config) clone_from_vmid: Option<Vmid>,
    #[serde(default)]
    #[schemars(range(min = 1, max = 8192))]
    pub(in crate::config) cores: Option<u32>,
    /// Memory in MiB.
    #[serde(default)]
    #[schemars(range(min = 16, max = 67_108_864))]
    pub(in crate::config) memory_mb: Option<u32>,
    /// Size of the first disk in GiB.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub(in crate::config) disk_size_gb: Option<u32>,
    /// Start it when the node starts.
    #[serde(default)]
    pub(in crate::config) start_at_boot: bool,
    /// Lower starts first.
    #[serde(default)]
    #[schemars(range(min = 0, max = 65_535))]
    pub(in crate::config) boot_order: Option<u32>,
    #[serde(default)]
    pub(in crate::config) features: Vec<FeatureName>,
    #[serde(default)]
    pub(in crate::config) portainer_role: Option<PortainerRoleName>,
    #[serde(default)]
    pub(in crate::config) network_config: Option<NetworkEntry>,
    #[serde(default)]
    pub(in crate::config) user_config: Option<UserEntry>,
    #[serde(default)]
    pub(in crate::config) base_setup: Option<BaseSetupEntry>,
    #[serde(default)]
    pub(in crate::config) volumes: Vec<VolumeEntry>,
    #[serde(default)]
    pub(in crate::config) docker_compose_files: Vec<ComposeFileEntry>,
    #[serde(default)]
    pub(in crate::config) docker_stacks: Vec<StackReference>,
    /// The guest's place in its Swarm.
    #[serde(default)]
    pub(in crate::config) swarm_role: Option<SwarmRoleName>,
    /// The Swarm it belongs to, if there is more than one.
    #[serde(default)]
    pub(in crate::config) swarm: Option<PlainName>,
    /// Labels of its Swarm node, as `key=value`.
    #[serde(default)]
    pub(in crate::config) node_labels: Vec<NodeLabel>,
}

/// What Phoenix establishes in the guest.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Feature")]
pub(in crate::config) enum FeatureName {
    /// The user of `user_config`, and what `base_setup` declares.
    BaseSetup,
    /// Docker installed, enabled and answering.
    Docker,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PortainerRole")]
pub(in crate::config) enum PortainerRoleName {
    /// Runs the Portainer server.
    Primary,
    /// The same as `primary`.
    Server,
    /// Runs a Portainer agent.
    Agent,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SwarmRole")]
pub(in crate::config) enum SwarmRoleName {
    Manager,
    Worker,
}

/// A static address, given to the guest by cloud-init.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NetworkConfig")]
pub(in crate::config) struct NetworkEntry {
    pub(in crate::config) ip: AddressWithPrefix,
    /// The gateway.
    #[serde(default)]
    pub(in crate::config) gw: Option<Address>,
}

/// The login user.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserConfig")]
pub(in crate::config) struct UserEntry {
    pub(in crate::config) username: UserName,
    /// Public keys that may log in as this user.
    #[serde(default)]
    pub(in crate::config) ssh_authorized_keys: Vec<Line>,
}

/// What feature `base_setup` does besides the user.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BaseSetup")]
pub(in crate::config) struct BaseSetupEntry {
    /// Debian packages that shall be installed.
    #[serde(default)]
    pub(in crate::config) packages: Vec<PackageName>,
    #[serde(default)]
    pub(in crate::config) timezone: Option<TimeZone>,
    #[serde(default)]
    pub(in crate::config) locale: Option<Locale>,
    #[serde(default)]
    pub(in crate::config) unattended_upgrades: Option<UnattendedUpgradesEntry>,
}

/// Security updates without anybody's doing, by Debian's unattended-upgrades.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UnattendedUpgrades")]
pub(in crate::config) struct UnattendedUpgradesEntry {
    pub(in crate::config) enabled: bool,
    /// When the guest may boot anew for an update; default: never by itself.
    #[serde(default)]
    pub(in crate::config) reboot_at: Option<TimeOfDay>,
}

/// A share mounted in the guest.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Volume")]
pub(in crate::config) struct VolumeEntry {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "there is one type")]
    kind: VolumeType,
    pub(in crate::config) name: PlainName,
    /// The folder on the server.
    pub(in crate::config) path: AbsolutePath,
    /// The folder in the guest.
    pub(in crate::config) mount_point: AbsolutePath,
    /// The server; default: `nfs_server` of `phoenix_hypervisor_config.json`.
    #[serde(default)]
    pub(in crate::config) server: Option<Host>,
    /// Mount options, separated by commas.
    #[serde(default)]
    pub(in crate::config) options: Option<Line>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum VolumeType {
    Nfs,
}

/// A file copied to the guest's persistent storage.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DockerComposeFile")]
pub(in crate::config) struct ComposeFileEntry {
    /// The file on the hypervisor.
    pub(in crate::config) source: HostPath,
    /// Where it goes: relative to the guest's volume, or absolute under its mount point.
    pub(in crate::config) destination: HostPath,
    /// Name of the volume; needed when the guest has more than one.
    #[serde(default)]
    pub(in crate::config) volume: Option<PlainName>,
    /// Permission bits in octal; default: 0644.
    #[serde(default)]
    pub(in crate::config) mode: Option<FileMode>,
    /// Numeric user and group, such as 1000:1000; default: whoever the volume's server makes the owner.
    #[serde(default)]
    pub(in crate::config) owner: Option<NumericOwner>,
    /// Only provide the file; the stack is made by hand in Portainer.
    #[serde(default)]
    pub(in crate::config) manual: bool,
}

/// A stack that runs on the guest, in one of its environments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DockerStack")]
pub(in crate::config) struct StackReference {
    pub(in crate::config) name: StackName,
    pub(in crate::config) environment: EnvironmentName,
    /// The name it is deployed under; default: `<environment>_<stack>` on a Swarm, else the stack's own.
    #[serde(default, rename = "as")]
    pub(in crate::config) deployed_as: Option<StackName>,
    /// Default: `swarm` on guests with a `swarm_role`, else `portainer`.
    #[serde(default)]
    pub(in crate::config) deployer: Option<Deployer>,
    /// The stack is deployed by hand.
    #[serde(default)]
    pub(in crate::config) manual: bool,
}
