//! What is seen of files on volumes. Pure.

use std::collections::BTreeMap;

/// Everything the planner looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedFiles {
    /// Declared files, by destination, where their volume is mounted.
    pub found: BTreeMap<String, Found>,
    /// Files that Phoenix placed once, that are not declared any more and still there.
    pub dropped: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Absent,
    File(FoundFile),
    /// A folder, a link, or something behind a link.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// `None`: larger than any file that Phoenix places.
    pub sha256: Option<String>,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}
