//! The fake node's files, from the root (`LAB_PVE_ROOT` in tests without a node).

use std::fs;
use std::path::{Path, PathBuf};

use super::config::Config;
use super::error::PveError;

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
        let path = self.config_path(kind, vmid);
        let fresh = path.with_extension("conf.tmp");
        fs::write(&fresh, config.to_string())?;
        fs::rename(&fresh, &path)?;
        crate::lab::pve_files::write_vmlist(&self.etc_pve())?;
        Ok(())
    }

    /// Ids of the guests of one kind on this node, in order.
    pub(super) fn guests(&self, kind: Kind) -> Vec<u32> {
        let folder = self
            .etc_pve()
            .join("nodes")
            .join(self.name())
            .join(kind.folder());
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

    /// A file of `/run/qemu-server`.
    pub(super) fn run_file(&self, vmid: u32, extension: &str) -> PathBuf {
        self.below(&format!("/run/qemu-server/{vmid}.{extension}"))
    }

    /// The program behind a volume id such as `local:snippets/hook.sh`.
    pub(super) fn snippet(&self, volume: &str) -> Option<PathBuf> {
        let name = volume.strip_prefix("local:snippets/")?;
        Some(self.below("/var/lib/vz/snippets").join(name))
    }
}
