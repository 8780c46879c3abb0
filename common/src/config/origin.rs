//! Where a piece of configuration stands.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::untrusted::Untrusted;

/// A place in a configuration file, for messages about what is declared there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Origin {
    #[serde(serialize_with = "as_shown")]
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// `vms[0].docker_stacks[1].name`; empty for the whole file.
    pub json_path: String,
}

/// A path that is not UTF-8 is no reason to print nothing.
fn as_shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
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
