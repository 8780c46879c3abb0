//! The Debian releases a machine of the lab may run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::LabError;

/// A Debian release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// Debian 12: systemd 252, Docker 20.10 (API 1.41).
    Bookworm,
    /// Debian 13: systemd 257, Docker 26.1 (API 1.45).
    Trixie,
}

impl Suite {
    pub const ALL: [Self; 2] = [Self::Bookworm, Self::Trixie];

    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    /// The release whose C library runs programs built on this machine.
    pub fn of_this_machine() -> Self {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        if release
            .lines()
            .any(|line| line == "VERSION_CODENAME=bookworm")
        {
            Self::Bookworm
        } else {
            Self::Trixie
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Suite {
    type Err = LabError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.name() == text)
            .ok_or_else(|| LabError::Unusable(format!("{text:?} is no suite: bookworm or trixie")))
    }
}
