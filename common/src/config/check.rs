//! Checks the texts of a configuration; pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Config;
use super::error::{ConfigError, Scope};
use super::validate;
use crate::digest::sha256_hex;
use crate::vmid::Vmid;

pub(super) const HYPERVISOR_FILE: &str = "phoenix_hypervisor_config.json";
/// The file with the guests, in the configuration folder.
pub const GUESTS_FILE: &str = "phoenix_vm_configs.json";
pub(super) const STACKS_FILE: &str = "phoenix_stacks_config.json";

/// The texts of a configuration by their path below its folder.
pub type Files = BTreeMap<PathBuf, String>;

/// What could be understood, and what was wrong.
#[derive(Debug)]
pub struct Outcome {
    /// Without the guests and stacks whose entries are broken.
    pub config: Config,
    pub errors: Vec<ConfigError>,
}

/// Checks texts that were read from `directory`; pure.
pub fn check_files(directory: &Path, files: &Files) -> Outcome {
    check(directory, files, false)
}

pub(super) fn check(directory: &Path, files: &Files, incomplete: bool) -> Outcome {
    let mut outcome = validate::estate(directory, files, incomplete);
    outcome.config.digest = digest(files);
    outcome
}

/// Whom a mistake of the whole file stops: that of a stack's own manifest only this stack's guests.
pub(super) fn scope_of(path: &Path) -> Scope {
    match manifest_of(path) {
        Some(stack) => Scope::Stack(stack),
        None => Scope::Whole,
    }
}

/// The stack whose manifest this is, for a path below the configuration folder.
pub(super) fn manifest_of(path: &Path) -> Option<String> {
    let folder = path.strip_prefix("stacks").ok()?.parent()?.file_name()?;
    Some(folder.to_string_lossy().into_owned())
}

/// Digest of the list that `sha256sum` would print of the files.
fn digest(files: &Files) -> String {
    let list: Vec<String> = files
        .iter()
        .map(|(path, text)| format!("{}  {}\n", sha256_hex(text.as_bytes()), path.display()))
        .collect();
    sha256_hex(list.concat().as_bytes())
}

impl ConfigError {
    /// Whether the mistake stops a run for this guest.
    pub fn touches(&self, config: &Config, vmid: Vmid) -> bool {
        let guest = config.guests.get(&vmid);
        match &self.scope {
            Scope::Whole => true,
            Scope::Guests {
                vmids,
                every_swarm_member,
            } => {
                vmids.contains(&vmid)
                // An entry whose vmid cannot be read may be the one that is asked for.
                || (vmids.is_empty() && guest.is_none())
                || (*every_swarm_member && guest.is_none_or(|guest| guest.swarm.is_some()))
            }
            Scope::Stack(name) => guest
                .is_some_and(|guest| guest.stacks.iter().any(|assigned| assigned.name == *name)),
        }
    }
}
