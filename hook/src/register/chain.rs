//! `phoenix-hook.d/<vmid>` beside the wrapper: the guest's former hookscript.
//!
//! Line 1 is the script's path, which the wrapper runs; line 2 its volume id, which `unregister` puts back; line 3
//! the guest's UUID: another guest that later gets the same id is not the one whose hookscript that was.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use phoenix_common::fs::{FileError, read_limited, write_atomic};
use phoenix_common::vmid::Vmid;

use super::{Snippets, below};
use crate::paths::Paths;

const LIMIT_BYTES: u64 = 64 << 10;

/// A guest's former hookscript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub script: PathBuf,
    /// None in a file that an operator wrote by hand.
    pub volume: Option<String>,
    /// `smbios1: uuid=…` of the guest it was written for.
    pub uuid: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error("a guest's former hookscript")]
    File(#[from] FileError),
    #[error("cannot make or remove {}", path.display())]
    Path { path: PathBuf, source: io::Error },
}

impl Chain {
    /// None when the guest has none.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(
        paths: &Paths,
        snippets: &Snippets,
        vmid: Vmid,
    ) -> Result<Option<Self>, ChainError> {
        match read_limited(&place(paths, snippets, vmid), LIMIT_BYTES) {
            Ok(content) => Ok(Self::parse(&String::from_utf8_lossy(&content))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::to_owned);
        let script = lines.next().filter(|line| !line.is_empty())?;
        let mut further = lines.map(|line| (!line.is_empty()).then_some(line));
        Some(Self {
            script: PathBuf::from(script),
            volume: further.next().flatten(),
            uuid: further.next().flatten(),
        })
    }

    /// # Errors
    /// The file or its folder cannot be written.
    pub fn write(&self, paths: &Paths, snippets: &Snippets, vmid: Vmid) -> Result<(), ChainError> {
        let folder = below(paths, &snippets.chains());
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&folder);
        made.map_err(|source| ChainError::Path {
            path: folder,
            source,
        })?;
        let line = |text: &Option<String>| text.clone().unwrap_or_default();
        let text = format!(
            "{}\n{}\n{}\n",
            self.script.display(),
            line(&self.volume),
            line(&self.uuid)
        );
        Ok(write_atomic(
            &place(paths, snippets, vmid),
            text.as_bytes(),
            0o600,
        )?)
    }

    /// Absent is fine.
    ///
    /// # Errors
    /// It is there and cannot be removed.
    pub fn remove(paths: &Paths, snippets: &Snippets, vmid: Vmid) -> Result<(), ChainError> {
        let path = place(paths, snippets, vmid);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ChainError::Path { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Written for another guest that had the same id.
    pub fn is_of_another(&self, uuid: Option<&str>) -> bool {
        matches!((self.uuid.as_deref(), uuid), (Some(one), Some(other)) if one != other)
    }
}

fn place(paths: &Paths, snippets: &Snippets, vmid: Vmid) -> PathBuf {
    below(paths, Path::new(&snippets.chains())).join(vmid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_read_as_it_was_written_and_by_hand() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path());
        let snippets = Snippets {
            storage: "local".into(),
            folder: "/var/lib/vz/snippets".into(),
        };
        let vmid = Vmid::new(1002).unwrap();
        assert_eq!(Chain::read(&paths, &snippets, vmid).unwrap(), None);
        let chain = Chain {
            script: "/var/lib/vz/snippets/a.pl".into(),
            volume: Some("local:snippets/a.pl".into()),
            uuid: Some("u-1".into()),
        };
        chain.write(&paths, &snippets, vmid).unwrap();
        assert_eq!(
            Chain::read(&paths, &snippets, vmid).unwrap(),
            Some(chain.clone())
        );
        assert!(chain.is_of_another(Some("u-2")) && !chain.is_of_another(None));
        let by_hand = Chain::parse("/root/hook.sh\n").unwrap();
        assert_eq!((by_hand.volume, by_hand.uuid), (None, None));
        Chain::remove(&paths, &snippets, vmid).unwrap();
        Chain::remove(&paths, &snippets, vmid).unwrap();
        assert_eq!(Chain::read(&paths, &snippets, vmid).unwrap(), None);
    }
}
