//! Files that Phoenix places on a guest's volume.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// A file from the hypervisor in the guest's persistent storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// Where it goes: absolute, below the mount point of a declared volume.
    pub destination: String,
    /// `None`: declared, but its source cannot be read now. The guest's file is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<FileContent>,
}

/// What the file holds and who may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileContent {
    /// May hold passwords, so never shown.
    #[serde(with = "crate::secret::exposed")]
    pub base64: Secret,
    /// Of the content, as lower-case hex.
    pub sha256: String,
    /// Permission bits, such as `0o644`.
    pub mode: u32,
    /// `None`: whoever the server makes the owner; many servers let root own nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<FileOwner>,
}

/// Numbers, since a server knows no names of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileOwner {
    pub uid: u32,
    pub gid: u32,
}

impl std::fmt::Display for FileOwner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.uid, self.gid)
    }
}
