//! From the file mirror to the typed estate: defaults, and every rule that the schema cannot say.

mod address;
mod estate;
mod files;
mod guest;
mod guests;
mod hypervisor;
mod portainer;
mod stacks;
mod swarm;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::Config;
use super::error::{ConfigError, Rule, Scope};
use super::hypervisor::Hypervisor;
use super::load::{Files, GUESTS_FILE, HYPERVISOR_FILE, Outcome, STACKS_FILE};
use super::source::{Place, Source};

/// What the checks of a single entry need to know of the rest.
struct Context<'context> {
    directory: &'context Path,
    hypervisor: &'context Hypervisor,
}

impl Context<'_> {
    /// A path on the hypervisor; a relative one starts at the configuration folder.
    fn host_path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }
}

/// Checks all files together. `incomplete`: some file could not be read, so that what is missing may
/// stand there.
pub(super) fn estate(directory: &Path, files: &Files, incomplete: bool) -> Outcome {
    let mut errors = Vec::new();
    let mut sources = Vec::new();
    for (path, text) in files {
        match Source::parse(directory.join(path), text.clone()) {
            Ok(source) => sources.push((path.as_path(), source)),
            Err(error) => errors.push(error),
        }
    }
    let incomplete = incomplete || !errors.is_empty();
    let place_of = |file: &str| {
        let found = sources.iter().find(|(path, _)| *path == Path::new(file));
        found.map(|(_, source)| source.place())
    };
    let hypervisor = match place_of(HYPERVISOR_FILE) {
        Some(place) => hypervisor::settings(&place, &mut errors),
        None => Hypervisor::default(),
    };
    let context = Context {
        directory,
        hypervisor: &hypervisor,
    };
    let manifests: Vec<Place<'_>> = (sources.iter())
        .filter(|(path, _)| path.starts_with("stacks"))
        .map(|(_, source)| source.place())
        .collect();
    let stacks = stacks::all(
        place_of(STACKS_FILE).as_ref(),
        &manifests,
        &context,
        &mut errors,
    );
    let guests = match place_of(GUESTS_FILE) {
        Some(place) => guests::all(&place, &context, &mut errors),
        None => guests::Guests::default(),
    };
    let mut warnings = Vec::new();
    let whole = estate::Estate {
        guests: &guests,
        stacks: &stacks,
        hypervisor: &hypervisor,
        hypervisor_place: place_of(HYPERVISOR_FILE),
        incomplete,
    };
    for finding in whole.check() {
        match finding.severity {
            super::error::Severity::Error => errors.push(finding),
            super::error::Severity::Warning => warnings.push(finding),
        }
    }
    errors.sort_by(|left, right| left.origin.cmp(&right.origin));
    let config = Config {
        directory: directory.to_owned(),
        guests: guests.typed(),
        stacks: stacks.valid,
        hypervisor,
        digest: String::new(),
        warnings,
    };
    Outcome { config, errors }
}

/// Whether a mistake stands at `place` or below it.
fn stands_in(error: &ConfigError, place: &Place<'_>) -> bool {
    let path = error.origin.json_path.strip_prefix(place.path.as_str());
    error.origin.file == place.source.file
        && path.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The typed form of what the schema accepts. That the two agree is tested; should they not, this
/// is an error without the value, which may be a secret.
fn typed<T: DeserializeOwned>(place: &Place<'_>) -> Result<T, ConfigError> {
    serde_json::from_value(place.node.to_value())
        .map_err(|_| place.error(Rule::WrongType, "not in the form of the schema"))
}

fn with_scope(errors: Vec<ConfigError>, scope: &Scope) -> impl Iterator<Item = ConfigError> {
    errors
        .into_iter()
        .map(move |error| error.scope(scope.clone()))
}
