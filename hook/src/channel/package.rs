//! The guest package that the hypervisor carries, and whether a guest needs it.

use std::path::PathBuf;

use phoenix_common::fs::{FileError, read_limited};
use phoenix_common::wire::{Facts, PROTOCOL_VERSION};

use crate::paths::Paths;

/// Largest package read.
const PACKAGE_LIMIT_BYTES: u64 = 64 << 20;

/// The `.deb` of `phoenix-guest-agent` that belongs to this build.
#[derive(Clone)]
pub struct CarriedPackage {
    pub content: Vec<u8>,
    pub version: String,
}

impl std::fmt::Debug for CarriedPackage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CarriedPackage")
            .field("version", &self.version)
            .field("bytes", &self.content.len())
            .finish()
    }
}

/// Why the carried package cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error(
        "the guest package is not where the hypervisor package puts it; reinstall phoenix-hook"
    )]
    Read { source: FileError },
    #[error("{} holds no version", path.display())]
    Version { path: PathBuf },
}

impl CarriedPackage {
    /// Reads the package and its version.
    pub fn load(paths: &Paths) -> Result<Self, PackageError> {
        let content = read_limited(&paths.carried_guest_package(), PACKAGE_LIMIT_BYTES)
            .map_err(|source| PackageError::Read { source })?;
        Ok(Self {
            content,
            version: Self::load_version(paths)?,
        })
    }

    /// Reads only its version.
    pub fn load_version(paths: &Paths) -> Result<String, PackageError> {
        let path = paths.carried_guest_package_version();
        let text = read_limited(&path, 256).map_err(|source| PackageError::Read { source })?;
        let version = String::from_utf8_lossy(&text).trim().to_owned();
        if numbers(&version).is_none() {
            return Err(PackageError::Version { path });
        }
        Ok(version)
    }
}

/// What to do about a guest's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentVerdict {
    /// As new as ours, or newer and able to speak with us.
    Usable,
    /// Missing, older, or of a version that cannot be read.
    Install,
    /// Newer, and it no longer speaks our protocol: phoenix-hook on this node has to be upgraded. Never
    /// downgraded, else two nodes of different versions would swap the agent at every migration.
    TooNew,
}

/// Judges the agent of a guest by its facts, `None` when it is missing. Pure.
pub fn judge_agent(facts: Option<&Facts>, carried_version: &str) -> AgentVerdict {
    let Some(facts) = facts else {
        return AgentVerdict::Install;
    };
    let Some(installed) = numbers(&facts.agent_version) else {
        return AgentVerdict::Install;
    };
    if numbers(carried_version).is_some_and(|carried| installed < carried) {
        return AgentVerdict::Install;
    }
    if (facts.protocol_oldest..=facts.protocol_newest).contains(&PROTOCOL_VERSION) {
        AgentVerdict::Usable
    } else {
        AgentVerdict::TooNew
    }
}

/// The three numbers of `1.2.3`, `1.2.3-1` or `1.2.3+git`: what upgrades go by.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let end = version.find(|character: char| !character.is_ascii_digit() && character != '.');
    let plain = version.get(..end.unwrap_or(version.len()))?;
    let parts: Vec<u32> = plain
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_common::observed::Observed;
    use phoenix_common::wire::CloudInit;

    fn facts(version: &str, oldest: u32, newest: u32) -> Facts {
        Facts {
            agent_version: version.to_owned(),
            protocol_oldest: oldest,
            protocol_newest: newest,
            boot_id: String::new(),
            machine_id: String::new(),
            hostname: String::new(),
            os_id: String::new(),
            os_version: String::new(),
            architecture: String::new(),
            addresses: Vec::new(),
            has_dpkg: true,
            cloud_init: CloudInit::Absent,
            docker: Observed::unknown("not asked"),
            running_jobs: Vec::new(),
        }
    }

    #[test]
    fn agents_are_judged() {
        let judge =
            |version, oldest, newest| judge_agent(Some(&facts(version, oldest, newest)), "0.2.0-1");
        assert_eq!(judge_agent(None, "0.2.0-1"), AgentVerdict::Install);
        assert_eq!(judge("0.1.9", 1, 1), AgentVerdict::Install);
        assert_eq!(judge("garbage", 1, 1), AgentVerdict::Install);
        assert_eq!(judge("0.2.0", 1, 1), AgentVerdict::Usable);
        assert_eq!(judge("0.10.0", 1, 3), AgentVerdict::Usable);
        assert_eq!(judge("2.0.0", 2, 3), AgentVerdict::TooNew);
    }
}
