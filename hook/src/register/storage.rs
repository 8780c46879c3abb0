//! `/etc/pve/storage.cfg`: which storage may hold hookscripts, and where.
//!
//! Grammar (`SectionConfig.pm`): `type: id`, then lines `key value` that begin with blanks. Storage types with
//! snippets: dir, btrfs, nfs, cifs, cephfs (`Storage/*Plugin.pm`).

use std::path::PathBuf;

use phoenix_common::fs::{FileError, read_limited};
use phoenix_common::untrusted::Untrusted;

use super::Snippets;
use crate::paths::Paths;

/// pmxcfs stores at most 1 MiB in a file.
const LIMIT_BYTES: u64 = 1 << 20;

const WITH_SNIPPETS: [&str; 5] = ["dir", "btrfs", "nfs", "cifs", "cephfs"];

/// A storage, as far as hookscripts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    pub id: String,
    kind: String,
    path: Option<PathBuf>,
    /// `iso,vztmpl,backup`, as written.
    pub content: Vec<String>,
    snippets_folder: Option<String>,
    nodes: Vec<String>,
    disabled: bool,
    /// Every node sees the same files.
    pub shared: bool,
}

/// All storages, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storages(Vec<Storage>);

#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error("the storages of Proxmox")]
    File(#[from] FileError),
    #[error("no storage {}; pvesm status lists them", Untrusted(_0))]
    Unknown(String),
    #[error(
        "storage {} is of type {}, which holds no hookscripts",
        Untrusted(id),
        Untrusted(kind)
    )]
    WrongType { id: String, kind: String },
    #[error(
        "storage {id} does not allow hookscripts: run again with --enable-snippets, or: pvesm set {id} --content {wanted}"
    )]
    NoSnippets { id: String, wanted: String },
    #[error(
        "no storage of this node may hold hookscripts: run again with --storage <storage> --enable-snippets"
    )]
    Nowhere,
}

impl Storages {
    /// # Errors
    /// The file cannot be read. Without it there is `local`, as on a fresh node.
    pub fn read(paths: &Paths) -> Result<Self, StorageError> {
        match read_limited(&paths.pve_dir().join("storage.cfg"), LIMIT_BYTES) {
            Ok(content) => Ok(Self::parse(&String::from_utf8_lossy(&content))),
            Err(error) if error.is_not_found() => Ok(Self::parse(
                "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup,snippets\n",
            )),
            Err(error) => Err(error.into()),
        }
    }

    pub fn parse(text: &str) -> Self {
        let mut storages: Vec<Storage> = Vec::new();
        for line in text.lines() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if let (false, Some((kind, id))) = (line.starts_with([' ', '\t']), line.split_once(':'))
            {
                storages.push(Storage::new(kind.trim(), id.trim()));
            } else if let Some(storage) = storages.last_mut() {
                let (key, value) = line.trim().split_once(' ').unwrap_or((line.trim(), "1"));
                storage.set(key, value.trim());
            }
        }
        Self(storages)
    }

    /// The storage that holds the wrapper: the one that is asked for, else one where snippets are allowed on
    /// `node`: `local` first, then in the order of the file.
    ///
    /// # Errors
    /// No such storage, or hookscripts are not allowed on it.
    pub fn choose(&self, node: &str, asked: Option<&str>) -> Result<&Storage, StorageError> {
        if let Some(id) = asked {
            return self.named(id);
        }
        let usable = |storage: &&Storage| storage.check().is_ok() && storage.is_on(node);
        let mut usable = self.0.iter().filter(usable).collect::<Vec<_>>();
        usable.sort_by_key(|storage| storage.id != "local");
        if let Some(storage) = usable.first() {
            return Ok(storage);
        }
        // The hint of the storage that most nodes have.
        let local = self.0.iter().find(|storage| storage.id == "local");
        let wrong = local.and_then(|storage| storage.check().err());
        Err(wrong.unwrap_or(StorageError::Nowhere))
    }

    /// # Errors
    /// [`StorageError::Unknown`].
    pub fn named(&self, id: &str) -> Result<&Storage, StorageError> {
        let mut all = self.0.iter();
        all.find(|storage| storage.id == id)
            .ok_or_else(|| StorageError::Unknown(id.to_owned()))
    }

    /// Where a volume id such as `local:snippets/hook.pl` lies; none when it names no snippet of a known storage.
    pub fn snippet(&self, volume: &str) -> Option<PathBuf> {
        let (id, name) = volume.split_once(":snippets/")?;
        let is_file_name = !name.is_empty() && !name.contains('/') && name != "..";
        let folder = self.named(id).ok()?.snippets()?.folder;
        is_file_name.then(|| folder.join(name))
    }
}

impl Storage {
    fn new(kind: &str, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            kind: kind.to_owned(),
            path: matches!(kind, "nfs" | "cifs" | "cephfs")
                .then(|| PathBuf::from("/mnt/pve").join(id)),
            content: Vec::new(),
            snippets_folder: None,
            nodes: Vec::new(),
            disabled: false,
            shared: matches!(kind, "nfs" | "cifs" | "cephfs"),
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        let list = || {
            value
                .split(',')
                .map(|word| word.trim().to_owned())
                .collect()
        };
        match key {
            "path" => self.path = Some(PathBuf::from(value)),
            "content" => self.content = list(),
            "nodes" => self.nodes = list(),
            "disable" => self.disabled = value != "0",
            "shared" => self.shared = value != "0",
            // `content-dirs snippets=/custom/snippets,iso=…`
            "content-dirs" => {
                let mut folders = value
                    .split(',')
                    .filter_map(|word| word.trim().split_once('='));
                let folder = folders.find(|(content, _)| *content == "snippets");
                self.snippets_folder = folder.map(|(_, folder)| folder.to_owned());
            }
            _ => {}
        }
    }

    fn is_on(&self, node: &str) -> bool {
        !self.disabled && (self.nodes.is_empty() || self.nodes.iter().any(|name| name == node))
    }

    /// Where its snippets lie, whether they are allowed or not.
    pub fn snippets(&self) -> Option<Snippets> {
        let folder = self.snippets_folder.as_deref().unwrap_or("snippets");
        let path = self.path.as_ref()?;
        Some(Snippets {
            storage: self.id.clone(),
            folder: path.join(folder.trim_start_matches('/')),
        })
    }

    /// Whether hookscripts may lie on it.
    ///
    /// # Errors
    /// Why not, with what to do.
    pub fn check(&self) -> Result<(), StorageError> {
        if !WITH_SNIPPETS.contains(&self.kind.as_str()) || self.path.is_none() {
            return Err(StorageError::WrongType {
                id: self.id.clone(),
                kind: self.kind.clone(),
            });
        }
        if self.content.iter().any(|content| content == "snippets") {
            return Ok(());
        }
        Err(StorageError::NoSnippets {
            id: self.id.clone(),
            wanted: self.content_with_snippets(),
        })
    }

    /// `iso,vztmpl,backup,snippets`: what `pvesm set --content` is to be given.
    pub fn content_with_snippets(&self) -> String {
        let mut content = self.content.clone();
        content.push("snippets".to_owned());
        content.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# by hand\ndir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl\n\nlvmthin: local-lvm\n\t\
        thinpool data\n\tcontent images\n\nnfs: nas\n\tserver 10.0.0.9\n\tcontent snippets,backup\n\tnodes pve2\n\n\
        dir: own\n\tpath /srv\n\tcontent snippets\n\tcontent-dirs iso=/i,snippets=/hooks\n";

    #[test]
    fn the_storage_is_chosen_by_what_it_allows_and_where_it_is() {
        let storages = Storages::parse(TEXT);
        let chosen = |node| storages.choose(node, None).unwrap().id.as_str();
        assert_eq!((chosen("pve1"), chosen("pve2")), ("own", "nas"));
        let wrong = storages
            .choose("pve1", Some("local"))
            .unwrap()
            .check()
            .unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "storage local does not allow hookscripts: run again with --enable-snippets, or: pvesm set local \
             --content iso,vztmpl,snippets"
        );
        assert!(storages.named("local-lvm").unwrap().check().is_err());
        assert!(matches!(
            storages.choose("pve1", Some("x")),
            Err(StorageError::Unknown(_))
        ));
        let only_local = Storages::parse("dir: local\n\tpath /var/lib/vz\n\tcontent iso\n");
        let wrong = only_local.choose("pve1", None).unwrap_err();
        assert!(matches!(wrong, StorageError::NoSnippets { .. }));
    }

    #[test]
    fn snippets_are_found_in_their_folder_and_nowhere_else() {
        let storages = Storages::parse(TEXT);
        let path = |volume| {
            storages
                .snippet(volume)
                .map(|path| path.display().to_string())
        };
        assert_eq!(
            path("local:snippets/a.pl"),
            Some("/var/lib/vz/snippets/a.pl".into())
        );
        assert_eq!(path("own:snippets/a.pl"), Some("/srv/hooks/a.pl".into()));
        assert_eq!(
            path("nas:snippets/a.pl"),
            Some("/mnt/pve/nas/snippets/a.pl".into())
        );
        for volume in [
            "local:snippets/../x",
            "local:iso/a",
            "x:snippets/a",
            "local:snippets/..",
        ] {
            assert_eq!(path(volume), None, "{volume}");
        }
    }
}
