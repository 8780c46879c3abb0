//! A Proxmox node as a folder: `/etc/pve` and the tools below a root, without a lab and without guests.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::power_states::PowerStates;
use crate::lab::{LabError, program, pve_files};

/// The node. `PHOENIX_ROOT` may point at it: `usr/sbin/{qm,pct,pvesh}` in it are the doubles.
#[derive(Debug)]
pub struct PveRoot {
    root: tempfile::TempDir,
    node: String,
    pub power: PowerStates,
}

impl PveRoot {
    /// A node of this name without guests; its storage `local` lies below `/var/lib/vz`.
    ///
    /// # Errors
    /// The folder cannot be made, or the doubles are not built.
    pub fn new(node: &str) -> Result<Self, LabError> {
        let root = tempfile::tempdir().map_err(LabError::path("create", &std::env::temp_dir()))?;
        let own = root.path().join("etc/pve/nodes").join(node);
        let folders = [
            own.join("qemu-server"),
            own.join("lxc"),
            root.path().join("run/lab-control"),
            root.path().join("run/qemu-server"),
            root.path().join("run/lab-pve"),
            root.path().join("usr/sbin"),
            root.path().join("var/lib/vz/snippets"),
            root.path().join("var/lock/qemu-server"),
        ];
        for folder in &folders {
            fs::create_dir_all(folder).map_err(LabError::path("create", folder))?;
        }
        let local = root.path().join("etc/pve/local");
        symlink(format!("nodes/{node}"), &local).map_err(LabError::path("link", &local))?;
        let socket = root.path().join("run/lab-control/socket");
        let power = PowerStates::serve(&socket).map_err(LabError::path("listen at", &socket))?;
        let made = Self {
            root,
            node: node.to_owned(),
            power,
        };
        made.install_tools()?;
        pve_files::write_vmlist(&made.etc_pve())?;
        Ok(made)
    }

    fn install_tools(&self) -> Result<(), LabError> {
        let double = program("pve-double")?;
        for tool in ["qm", "pct", "pvesh", "pvesm"] {
            let place = self.tool(tool);
            let text = format!(
                "#!/bin/sh\nLAB_PVE_ROOT='{}' exec '{}' {tool} \"$@\"\n",
                self.path().display(),
                double.display()
            );
            let written = fs::write(&place, text)
                .and_then(|()| fs::set_permissions(&place, fs::Permissions::from_mode(0o755)));
            written.map_err(LabError::path("write", &place))?;
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        self.root.path()
    }

    fn etc_pve(&self) -> PathBuf {
        self.path().join("etc/pve")
    }

    /// `qm`, `pct` or `pvesh`, to be run from anywhere.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.path().join("usr/sbin").join(name)
    }

    /// Where a virtual machine's configuration lies.
    pub fn config_path(&self, vmid: u32) -> PathBuf {
        let folder = self
            .etc_pve()
            .join("nodes")
            .join(&self.node)
            .join("qemu-server");
        folder.join(format!("{vmid}.conf"))
    }

    /// Puts a virtual machine on the node.
    ///
    /// # Errors
    /// Files cannot be written.
    pub fn add_guest(&self, vmid: u32, config: &str) -> Result<(), LabError> {
        let path = self.config_path(vmid);
        fs::write(&path, config).map_err(LabError::path("write", &path))?;
        pve_files::write_vmlist(&self.etc_pve())
    }

    /// None when there is no such guest.
    pub fn config(&self, vmid: u32) -> Option<String> {
        fs::read_to_string(self.config_path(vmid)).ok()
    }

    /// # Errors
    /// The switch cannot be written.
    pub fn switch_on(&self, fault: &Fault) -> Result<(), LabError> {
        let (place, content) = fault.switch();
        let place = self.path().join(place.trim_start_matches('/'));
        fs::write(&place, content).map_err(LabError::path("write", &place))
    }

    pub fn switch_off(&self, fault: &Fault) {
        let (place, _) = fault.switch();
        let _ = fs::remove_file(self.path().join(place.trim_start_matches('/')));
    }
}
