//! The steps of a machine's plan. An action holds all it needs.

use std::fmt;

use phoenix_common::vmid::Vmid;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum MachineAction {
    /// What an interrupted clone of ours left behind.
    RemoveHalfMade {
        vmid: Vmid,
        node: String,
        lock: String,
    },
    Clone {
        vmid: Vmid,
        template: Vmid,
        node: String,
        name: String,
        description: String,
    },
    SetConfig {
        vmid: Vmid,
        node: String,
        step: Step,
        fields: Vec<FieldChange>,
    },
    EnlargeDisk {
        vmid: Vmid,
        node: String,
        disk: String,
        from_bytes: u64,
        to_gib: u32,
    },
    Start {
        vmid: Vmid,
        node: String,
    },
}

/// One key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    pub key: String,
    /// `None`: not set; Proxmox's default counts.
    pub before: Option<String>,
    pub after: String,
}

/// The stages of `create` and `converge`, by the names they have had since the first plan of this project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    EnsureVmDefined,
    ApplyCoreConfigurations,
    ApplyNetworkConfigurations,
    StartVm,
    WaitForGuestAgent,
    ApplyVolumes,
    ProvisionDeclarativeFiles,
    ApplyVmFeatures,
}

impl Step {
    pub fn name(self) -> &'static str {
        match self {
            Self::EnsureVmDefined => "ensure_vm_defined",
            Self::ApplyCoreConfigurations => "apply_core_configurations",
            Self::ApplyNetworkConfigurations => "apply_network_configurations",
            Self::StartVm => "start_vm",
            Self::WaitForGuestAgent => "wait_for_guest_agent",
            Self::ApplyVolumes => "apply_volumes",
            Self::ProvisionDeclarativeFiles => "provision_declarative_files",
            Self::ApplyVmFeatures => "apply_vm_features",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl MachineAction {
    /// The stage it belongs to.
    pub fn step(&self) -> Step {
        match self {
            Self::RemoveHalfMade { .. } | Self::Clone { .. } => Step::EnsureVmDefined,
            Self::SetConfig { step, .. } => *step,
            Self::EnlargeDisk { .. } => Step::ApplyCoreConfigurations,
            Self::Start { .. } => Step::StartVm,
        }
    }
}
