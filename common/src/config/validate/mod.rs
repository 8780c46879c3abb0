//! From the file mirror to the typed estate: defaults, and every rule that the schema cannot say.

mod address;
mod estate;
mod files;
mod guest;
mod guests;
mod hypervisor;
mod placement;
mod portainer;
mod stacks;
mod swarm;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::Config;
use super::check::{
    Files, GUESTS_FILE, HYPERVISOR_FILE, Outcome, STACKS_FILE, manifest_of, scope_of,
};
use super::error::{ConfigError, Rule, Scope, Severity};
use super::excerpt::Hide;
use super::hypervisor::Hypervisor;
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

/// The files that are JSON, and what is wrong with the others.
#[derive(Default)]
struct Parsed {
    sources: BTreeMap<PathBuf, Source>,
    /// Stacks whose manifest is no JSON.
    unparsed: BTreeSet<String>,
    errors: Vec<ConfigError>,
    /// A file that is not a manifest is missing: what is unknown may stand there.
    incomplete: bool,
}

impl Parsed {
    fn of(directory: &Path, files: &Files) -> Self {
        let mut parsed = Self::default();
        for (path, text) in files {
            let hide = match path.to_str() {
                Some(GUESTS_FILE | HYPERVISOR_FILE) => Hide::WhatSoundsSecret,
                _ => Hide::AllButHarmless,
            };
            match Source::parse(directory.join(path), text.clone(), hide) {
                Ok(source) => {
                    parsed.sources.insert(path.clone(), source);
                }
                Err(error) => {
                    let stack = manifest_of(path);
                    parsed.incomplete |= stack.is_none();
                    parsed.unparsed.extend(stack);
                    parsed.errors.push(error.scope(scope_of(path)));
                }
            }
        }
        parsed
    }

    fn place(&self, file: &str) -> Option<Place<'_>> {
        self.sources.get(Path::new(file)).map(Source::place)
    }

    fn stacks(&self) -> stacks::Declared<'_> {
        let sources = self.sources.iter();
        stacks::Declared {
            file: self.place(STACKS_FILE),
            manifests: sources
                .filter_map(|(path, source)| Some((manifest_of(path)?, source.place())))
                .collect(),
            unparsed: self.unparsed.clone(),
        }
    }
}

/// Checks all files together. `incomplete`: some file could not be read, so that what is missing may
/// stand there.
pub(super) fn estate(directory: &Path, files: &Files, incomplete: bool) -> Outcome {
    let mut parsed = Parsed::of(directory, files);
    let mut errors = std::mem::take(&mut parsed.errors);
    let hypervisor = match parsed.place(HYPERVISOR_FILE) {
        Some(place) => hypervisor::settings(&place, &mut errors),
        None => Hypervisor::default(),
    };
    let context = Context {
        directory,
        hypervisor: &hypervisor,
    };
    let stacks = stacks::all(parsed.stacks(), &context, &mut errors);
    let guests = match parsed.place(GUESTS_FILE) {
        Some(place) => guests::all(&place, &context, &mut errors),
        None => guests::Guests::default(),
    };
    let whole = estate::Estate {
        guests: &guests,
        stacks: &stacks,
        hypervisor: &hypervisor,
        hypervisor_place: parsed.place(HYPERVISOR_FILE),
        incomplete: incomplete || parsed.incomplete,
    };
    let (found, warnings): (Vec<_>, Vec<_>) =
        (whole.check().into_iter()).partition(|finding| finding.severity == Severity::Error);
    errors.extend(found);
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
