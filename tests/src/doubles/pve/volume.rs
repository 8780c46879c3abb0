//! Storages of type `dir`, volumes on them, and the drives of a configuration that name volumes.

use std::fs;
use std::path::PathBuf;

use super::config::Config;
use super::error::PveError;
use super::node::Node;

/// A storage of `storage.cfg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) id: String,
    /// As the node's programs see it, not below a test's root.
    pub(super) path: String,
    pub(super) content: String,
}

/// The storages of `/etc/pve/storage.cfg`; without that file there is `local`, as on a fresh node.
pub(super) fn storages(node: &Node) -> Vec<Storage> {
    let Ok(text) = fs::read_to_string(node.etc_pve().join("storage.cfg")) else {
        return vec![Storage {
            id: "local".to_owned(),
            path: "/var/lib/vz".to_owned(),
            content: "iso,snippets,backup,images,rootdir,vztmpl".to_owned(),
        }];
    };
    let mut storages: Vec<Storage> = Vec::new();
    for line in text.lines() {
        if let Some(id) = line.strip_prefix("dir: ") {
            storages.push(Storage {
                id: id.trim().to_owned(),
                path: String::new(),
                content: "images,rootdir,vztmpl,iso,backup,snippets".to_owned(),
            });
        } else if let (Some(storage), Some((key, value))) =
            (storages.last_mut(), line.trim().split_once(' '))
        {
            match key {
                "path" => value.trim().clone_into(&mut storage.path),
                "content" => value.trim().clone_into(&mut storage.content),
                _ => {}
            }
        }
    }
    storages
}

/// # Errors
/// Proxmox's own words for a storage that is not there.
pub(super) fn storage(node: &Node, id: &str) -> Result<Storage, PveError> {
    let mut all = storages(node).into_iter();
    all.find(|storage| storage.id == id)
        .ok_or_else(|| PveError::died(255, format!("storage '{id}' does not exist")))
}

/// A disk of a guest: `scsi0: local:201/vm-201-disk-0.qcow2,size=1G`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drive {
    pub(super) key: String,
    /// `local:201/vm-201-disk-0.qcow2`.
    pub(super) volume: String,
    pub(super) options: Vec<String>,
}

impl Drive {
    pub(super) fn parse(key: &str, value: &str) -> Option<Self> {
        let bus = key.trim_end_matches(|last: char| last.is_ascii_digit());
        let buses = ["ide", "scsi", "virtio", "sata", "efidisk", "tpmstate"];
        if bus == key || !buses.contains(&bus) {
            return None;
        }
        let mut parts = value.split(',').map(str::to_owned);
        Some(Self {
            key: key.to_owned(),
            volume: parts.next()?,
            options: parts.collect(),
        })
    }

    pub(super) fn is_cloudinit(&self) -> bool {
        self.volume.contains("cloudinit")
    }

    pub(super) fn is_cdrom(&self) -> bool {
        self.options.iter().any(|option| option == "media=cdrom")
    }

    /// Made by `qm template`; what may have linked clones.
    pub(super) fn is_base(&self) -> bool {
        self.file_name().starts_with("base-")
    }

    pub(super) fn file_name(&self) -> &str {
        self.volume.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn format(&self) -> &str {
        self.volume.rsplit('.').next().unwrap_or("raw")
    }

    pub(super) fn storage(&self) -> &str {
        self.volume.split(':').next().unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> u64 {
        let size = self
            .options
            .iter()
            .find_map(|option| option.strip_prefix("size="));
        size.and_then(super::resources::size_bytes).unwrap_or(0)
    }

    pub(super) fn value(&self) -> String {
        let mut parts = vec![self.volume.clone()];
        parts.extend(self.options.iter().cloned());
        parts.join(",")
    }
}

/// The drives of a configuration, by key.
pub(super) fn drives(config: &Config) -> Vec<Drive> {
    let pairs = config.current.iter();
    pairs
        .filter_map(|(key, value)| Drive::parse(key, value))
        .collect()
}

/// Where an image lies for the node's programs; a linked clone's lies in its own folder.
pub(super) fn shown_path(node: &Node, volume: &str) -> Option<String> {
    let (id, name) = volume.split_once(':')?;
    let storage = storage(node, id).ok()?;
    let mut parts = name.rsplit('/');
    let (file, owner) = (parts.next()?, parts.next()?);
    Some(format!("{}/images/{owner}/{file}", storage.path))
}

/// The same place, below a test's root.
pub(super) fn path(node: &Node, volume: &str) -> Option<PathBuf> {
    shown_path(node, volume).map(|path| node.below(&path))
}

/// The next free `<owner>/vm-<owner>-disk-<n>.<format>` of a storage.
pub(super) fn next_disk(node: &Node, storage: &str, owner: u32, format: &str) -> String {
    let name = |number: u32| format!("{storage}:{owner}/vm-{owner}-disk-{number}.{format}");
    let taken = |number: &u32| path(node, &name(*number)).is_some_and(|path| path.exists());
    name((0..1000).find(|number| !taken(number)).unwrap_or(0))
}

/// Writes what is on a disk.
pub(super) fn write(node: &Node, volume: &str, content: &[u8]) -> Result<(), PveError> {
    let Some(path) = path(node, volume) else {
        return Err(PveError::died(
            255,
            format!("unable to parse volume ID '{volume}'"),
        ));
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)?;
    Ok(())
}

/// What is on a disk; nothing when the file is not there (a recording has no images).
pub(super) fn read(node: &Node, volume: &str) -> Vec<u8> {
    let path = path(node, volume);
    path.and_then(|path| fs::read(path).ok())
        .unwrap_or_default()
}

/// Removes an image, and its owner's folder with the last one.
pub(super) fn remove(node: &Node, volume: &str) {
    if let Some(path) = path(node, volume) {
        let _ = fs::remove_file(&path);
        if let Some(folder) = path.parent() {
            // Only an empty one goes.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// `qemu-img`'s line for a new image.
pub(super) fn formatting(node: &Node, volume: &str, bytes: u64, base: Option<&Drive>) -> String {
    let path = shown_path(node, volume).unwrap_or_default();
    if volume.rsplit('.').next() != Some("qcow2") {
        return format!("Formatting '{path}', fmt=raw size={bytes} preallocation=off");
    }
    let (cluster, extended, backing) = match base {
        Some(base) => {
            let name = base.volume.split_once(':').map_or("", |(_, name)| name);
            (
                131_072,
                "on",
                format!(" backing_file=../{name} backing_fmt=qcow2"),
            )
        }
        None => (65_536, "off", String::new()),
    };
    format!(
        "Formatting '{path}', fmt=qcow2 cluster_size={cluster} extended_l2={extended} \
         preallocation=metadata compression_type=zlib size={bytes}{backing} lazy_refcounts=off \
         refcount_bits=16"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_told_from_other_keys_of_the_same_letters() {
        let linked = "local:900/base-900-disk-3.qcow2/202/vm-202-disk-0.qcow2,size=1G";
        let drive = Drive::parse("scsi0", linked).unwrap();
        assert_eq!(drive.file_name(), "vm-202-disk-0.qcow2");
        assert_eq!((drive.format(), drive.bytes()), ("qcow2", 1 << 30));
        assert_eq!(drive.value(), linked);
        assert_eq!(Drive::parse("scsihw", "virtio-scsi-pci"), None);
        assert_eq!(Drive::parse("net0", "virtio=A,bridge=b"), None);
    }
}
