//! What the machine shall be; `None` and empty: not declared, left as it is.

use phoenix_common::config::{Guest, Network};
use phoenix_common::vmid::Vmid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineDesired {
    pub vmid: Vmid,
    pub name: String,
    pub template: Option<Vmid>,
    pub cores: Option<u32>,
    pub memory_mib: Option<u32>,
    pub disk_gib: Option<u32>,
    /// The login user that cloud-init makes.
    pub user: Option<String>,
    pub ssh_keys: Vec<String>,
    pub network: Option<Network>,
    pub start_at_boot: Option<bool>,
    pub boot_order: Option<u32>,
}

impl MachineDesired {
    /// A guest of which nothing is declared.
    pub fn nameless(vmid: Vmid) -> Self {
        Self {
            vmid,
            name: String::new(),
            template: None,
            cores: None,
            memory_mib: None,
            disk_gib: None,
            user: None,
            ssh_keys: Vec::new(),
            network: None,
            start_at_boot: None,
            boot_order: None,
        }
    }

    /// The machine of a declared guest.
    pub fn of(guest: &Guest) -> Self {
        let declared = |key: &str| guest.declared_keys.contains(key);
        Self {
            vmid: guest.vmid,
            name: guest.name.clone(),
            template: guest.clone_from_vmid,
            cores: guest.cores,
            memory_mib: guest.memory_mib,
            disk_gib: guest.disk_size_gib,
            user: guest.base_setup.username.clone(),
            ssh_keys: guest.base_setup.ssh_authorized_keys.clone(),
            network: guest.network,
            start_at_boot: declared("start_at_boot").then_some(guest.start_at_boot),
            boot_order: guest.boot_order,
        }
    }
}
