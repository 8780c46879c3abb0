//! Where a piece of configuration stands.

use std::fmt;
use std::path::PathBuf;

use crate::untrusted::Untrusted;

/// A place in a configuration file, for messages about what is declared there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// `vms[0].docker_stacks[1].name`; empty for the whole file.
    pub json_path: String,
}

impl fmt::Display for Origin {
    /// `FILE:LINE:COLUMN (JSON PATH)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file, line, column, ..
        } = self;
        let file = file.display().to_string();
        write!(formatter, "{}:{line}:{column}", Untrusted(&file))?;
        if self.json_path.is_empty() {
            return Ok(());
        }
        write!(formatter, " ({})", self.json_path)
    }
}
