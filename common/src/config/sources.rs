//! Files that the configuration refers to: whether they are there.

use std::collections::BTreeSet;
use std::path::Path;

use super::Config;
use super::error::{ConfigError, Rule, Scope};
use super::origin::Origin;

impl Config {
    /// A mistake for each file of a stack or guest that is missing or no regular file.
    pub fn missing_sources(&self) -> Vec<ConfigError> {
        let mut findings = Vec::new();
        for stack in self.stacks.values() {
            let scope = Scope::Stack(stack.name.clone());
            let what = format!("the compose file of stack `{}`", stack.name);
            findings.extend(missing(
                &stack.compose_file_path,
                &what,
                &stack.origin,
                &scope,
            ));
            for (name, environment) in &stack.environments {
                for file in &environment.files {
                    let what = format!("file `{}` of {}/{name}", file.name, stack.name);
                    findings.extend(missing(&file.source, &what, &file.origin, &scope));
                }
            }
        }
        for guest in self.guests.values() {
            let scope = Scope::Guests {
                vmids: BTreeSet::from([guest.vmid]),
                every_swarm_member: false,
            };
            for file in &guest.compose_files {
                let what = format!("a compose file of guest {}", guest.vmid);
                findings.extend(missing(&file.source, &what, &file.origin, &scope));
            }
        }
        findings
    }
}

fn missing(path: &Path, what: &str, origin: &Origin, scope: &Scope) -> Option<ConfigError> {
    let why = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => return None,
        Ok(_) => "not a regular file".to_owned(),
        Err(error) => error.to_string(),
    };
    let message = format!("{what} cannot be read: {}: {why}", path.display());
    let error = ConfigError::at(origin.clone(), Rule::MissingSource, message);
    Some(error.scope(scope.clone()))
}
