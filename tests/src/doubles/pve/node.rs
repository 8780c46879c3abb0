//! The fake node's files, from the root (`LAB_PVE_ROOT` in tests without a node).

use std::fs;
use std::path::{Path, PathBuf};

use super::config::Config;
use super::error::PveError;
use super::fault;

/// A virtual machine or a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Qemu,
    Lxc,
}

impl Kind {
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Qemu => "qemu-server",
            Self::Lxc => "lxc",
        }
    }

    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Qemu => "VM",
            Self::Lxc => "CT",
        }
    }
}

/// The node's file system.
#[derive(Debug, Clone)]
pub(super) struct Node {
    root: PathBuf,
}

impl Node {
    pub(super) fn of_environment() -> Self {
        let root =
            std::env::var_os("LAB_PVE_ROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        Self { root }
    }

    pub(super) fn below(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub(super) fn etc_pve(&self) -> PathBuf {
        self.below("/etc/pve")
    }

    /// The node's name, from the link `/etc/pve/local`.
    pub(super) fn name(&self) -> String {
        let link = fs::read_link(self.etc_pve().join("local")).unwrap_or_default();
        link.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    pub(super) fn config_path(&self, kind: Kind, vmid: u32) -> PathBuf {
        let folder = self
            .etc_pve()
            .join("nodes")
            .join(self.name())
            .join(kind.folder());
        folder.join(format!("{vmid}.conf"))
    }

    pub(super) fn config(&self, kind: Kind, vmid: u32) -> Result<Config, PveError> {
        Self::read(&self.config_path(kind, vmid)).ok_or_else(|| PveError::NoConfig {
            node: self.name(),
            folder: kind.folder(),
            vmid,
        })
    }

    /// As [`Self::config`], with the words of commands that look before they act.
    pub(super) fn config_or_not_here(&self, kind: Kind, vmid: u32) -> Result<Config, PveError> {
        Self::read(&self.config_path(kind, vmid)).ok_or_else(|| PveError::NotHere {
            kind: kind.noun(),
            vmid,
            node: self.name(),
        })
    }

    /// The configuration on whichever node it lies (a migration's source).
    pub(super) fn config_anywhere(&self, vmid: u32) -> Option<Config> {
        let nodes = fs::read_dir(self.etc_pve().join("nodes")).ok()?;
        let file = format!("qemu-server/{vmid}.conf");
        nodes
            .flatten()
            .find_map(|node| Self::read(&node.path().join(&file)))
    }

    fn read(path: &Path) -> Option<Config> {
        fs::read_to_string(path)
            .ok()
            .map(|text| Config::parse(&text))
    }

    pub(super) fn write_config(
        &self,
        kind: Kind,
        vmid: u32,
        config: &Config,
    ) -> Result<(), PveError> {
        self.check_writable()?;
        let path = self.config_path(kind, vmid);
        let fresh = path.with_extension("conf.tmp");
        fs::write(&fresh, config.to_string())?;
        fs::rename(&fresh, &path)?;
        crate::lab::pve_files::write_vmlist(&self.etc_pve())?;
        Ok(())
    }

    pub(super) fn remove_config(&self, kind: Kind, vmid: u32) -> Result<(), PveError> {
        match fs::remove_file(self.config_path(kind, vmid)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        crate::lab::pve_files::write_vmlist(&self.etc_pve())?;
        Ok(())
    }

    /// Whether some guest of the cluster has this id.
    pub(super) fn knows(&self, vmid: u32) -> bool {
        let Ok(nodes) = fs::read_dir(self.etc_pve().join("nodes")) else {
            return false;
        };
        let files = [Kind::Qemu, Kind::Lxc].map(|kind| format!("{}/{vmid}.conf", kind.folder()));
        nodes
            .flatten()
            .any(|node| files.iter().any(|file| node.path().join(file).exists()))
    }

    /// What starts and clones ask first.
    pub(super) fn check_quorum(&self) -> Result<(), PveError> {
        if fault::is_on(self, "no-quorum") {
            return Err(PveError::died(255, "cluster not ready - no quorum?"));
        }
        Ok(())
    }

    /// Without quorum pmxcfs refuses every write (EACCES).
    pub(super) fn check_writable(&self) -> Result<(), PveError> {
        if !fault::is_on(self, "no-quorum") {
            return Ok(());
        }
        let place = format!("/etc/pve/nodes/{}/qemu-server", self.name());
        let text = format!("unable to open file '{place}' - Permission denied");
        Err(PveError::died(13, text))
    }

    /// Ids of the guests of one kind on this node, in order.
    pub(super) fn guests(&self, kind: Kind) -> Vec<u32> {
        self.guests_of(&self.name(), kind)
    }

    fn guests_of(&self, owner: &str, kind: Kind) -> Vec<u32> {
        let folder = self.etc_pve().join("nodes").join(owner).join(kind.folder());
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        let vmid = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".conf")?.parse().ok()
        };
        let mut guests: Vec<u32> = entries.flatten().filter_map(vmid).collect();
        guests.sort_unstable();
        guests
    }

    /// Owner and id of the virtual machines of the cluster's other nodes.
    pub(super) fn guests_elsewhere(&self) -> Vec<(String, u32)> {
        let Ok(nodes) = fs::read_dir(self.etc_pve().join("nodes")) else {
            return Vec::new();
        };
        let names = nodes
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let others = names.filter(|name| *name != self.name());
        let mut found: Vec<(String, u32)> = others
            .flat_map(|owner| {
                let vmids = self.guests_of(&owner, Kind::Qemu);
                vmids.into_iter().map(move |vmid| (owner.clone(), vmid))
            })
            .collect();
        found.sort();
        found
    }

    /// A file of `/run/qemu-server`.
    pub(super) fn run_file(&self, vmid: u32, extension: &str) -> PathBuf {
        self.below(&format!("/run/qemu-server/{vmid}.{extension}"))
    }

    /// The program behind a volume id such as `local:snippets/hook.sh`.
    pub(super) fn snippet(&self, volume: &str) -> Option<PathBuf> {
        let (storage, name) = volume.split_once(":snippets/")?;
        let storage = super::volume::storage(self, storage).ok()?;
        Some(self.below(&storage.path).join("snippets").join(name))
    }
}
