//! The infrastructure layer of a guest.

use serde::{Deserialize, Serialize};

use super::{FileSpec, VolumeSpec};

/// The infrastructure layer of one guest. A part that is `None` is not Phoenix's business there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_setup: Option<BaseSetupSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerSpec>,
    /// All volumes of the guest: one that Phoenix has mounted and that is not here is unmounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volumes: Option<Vec<VolumeSpec>>,
    /// All files of the guest: one that Phoenix has placed and that is not here is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<FileSpec>>,
    /// The GPUs that are found shall be Docker's generic resources; `None`: not Phoenix's business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuSpec>,
}

/// Feature `base_setup`: what is declared is made so, nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseSetupSpec {
    /// A login user that must exist (created with a home folder and bash, no password).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Lines that must stand in the user's `~/.ssh/authorized_keys`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh_authorized_keys: Vec<String>,
    /// Debian packages that must be installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// A name of the time zone database, such as `Europe/Berlin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// A locale that must exist and be the default, such as `en_US.UTF-8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Whether Debian's unattended-upgrades installs security updates by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unattended_upgrades: Option<UnattendedUpgradesSpec>,
}

/// Settings of unattended-upgrades.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnattendedUpgradesSpec {
    pub enabled: bool,
    /// `HH:MM`, at which the guest may boot anew for an update; `None`: never by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot_at: Option<String>,
}

/// Feature `docker`: installed, enabled and answering on its socket. Ends there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockerSpec {}

/// Label `gpu=true`: what GPUs there are is found in the guest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuSpec {}
