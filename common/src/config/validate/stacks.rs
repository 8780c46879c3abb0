//! Stacks: what the stacks file and a stack's own manifest say, brought together.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{ConfigError, Rule, Scope};
use super::super::file::{
    Constraint, EnvironmentEntry, FileEntry, Form, STACK_NAME_RULE, ServiceEntry, ServiceName,
    StackEntry, StackName,
};
use super::super::schema;
use super::super::shape;
use super::super::source::Place;
use super::super::stack::{Environment, EnvironmentFile, Stack, Variable};
use super::{Context, stands_in, typed, with_scope};
use crate::secret::Secret;
use crate::spec::PlacementSpec;

/// How long a deployment waits for its services unless the stack says otherwise, in seconds.
const WAIT_SECONDS: u32 = 300;

/// The stacks that are declared.
#[derive(Default)]
pub(super) struct Stacks {
    pub(super) valid: BTreeMap<String, Stack>,
    /// Declared, with mistakes.
    pub(super) broken: BTreeSet<String>,
}

/// An entry that has the right form, and where it stands.
type Part<'source> = (StackEntry, Place<'source>);

/// Where stacks may be declared.
pub(super) struct Declared<'source> {
    pub(super) file: Option<Place<'source>>,
    /// By the name of the folder.
    pub(super) manifests: Vec<(String, Place<'source>)>,
    /// Stacks whose manifest is no JSON.
    pub(super) unparsed: BTreeSet<String>,
}

/// What is collected while the files are gone through.
#[derive(Default)]
struct Collected<'source> {
    parts: BTreeMap<String, Vec<Part<'source>>>,
    broken: BTreeSet<String>,
    errors: Vec<ConfigError>,
}

/// All stacks; mistakes concern the stack they stand in.
pub(super) fn all(
    declared: Declared<'_>,
    context: &Context<'_>,
    errors: &mut Vec<ConfigError>,
) -> Stacks {
    let mut collected = Collected {
        broken: declared.unparsed,
        ..Collected::default()
    };
    if let Some(place) = &declared.file {
        collected.stacks_file(place);
    }
    for (name, place) in &declared.manifests {
        collected.manifest(name, place);
    }
    let mut stacks = Stacks {
        broken: collected.broken,
        ..Stacks::default()
    };
    errors.append(&mut collected.errors);
    for (name, parts) in collected.parts {
        match merged(&name, parts, context) {
            Ok(stack) if !stacks.broken.contains(&name) => {
                stacks.valid.insert(name, stack);
            }
            Ok(_) => {}
            Err(found) => {
                errors.extend(with_scope(found, &Scope::Stack(name.clone())));
                stacks.broken.insert(name);
            }
        }
    }
    stacks
}

impl<'source> Collected<'source> {
    fn stacks_file(&mut self, place: &Place<'source>) {
        let mut found = shape::check(place, &schema::STACKS);
        if shape::gave_up(&found) {
            return self.errors.append(&mut found);
        }
        let entries = place.get("stacks").map(|stacks| stacks.members());
        for (name, entry) in entries.unwrap_or_default() {
            let (own, rest) = (found.into_iter()).partition(|error| stands_in(error, &entry));
            found = rest;
            self.entry(name, entry, own);
        }
        self.errors.append(&mut found);
    }

    fn manifest(&mut self, name: &str, place: &Place<'source>) {
        let mut found = shape::check(place, &schema::STACK);
        if !StackName::fits(name) {
            found.push(
                (place.error(Rule::WrongValue, "the folder's name cannot be a stack's"))
                    .hint(STACK_NAME_RULE),
            );
        }
        self.entry(name, place.clone(), found);
    }

    /// Takes an entry in, unless it has mistakes.
    fn entry(&mut self, name: &str, place: Place<'source>, mut found: Vec<ConfigError>) {
        if found.is_empty() {
            match typed(&place) {
                Ok(entry) => {
                    let parts = self.parts.entry(name.to_owned()).or_default();
                    return parts.push((entry, place));
                }
                Err(error) => found.push(error),
            }
        }
        let scope = Scope::Stack(name.to_owned());
        self.errors.extend(with_scope(found, &scope));
        self.broken.insert(name.to_owned());
    }
}

/// The stack, when no two parts say the same thing and each part is sound.
fn merged(
    name: &str,
    parts: Vec<Part<'_>>,
    context: &Context<'_>,
) -> Result<Stack, Vec<ConfigError>> {
    let mut errors = said_twice(&parts);
    let mut entry = StackEntry::default();
    let mut environments = BTreeMap::new();
    let mut origin = None;
    for (part, place) in parts {
        if part.compose_file_path.is_some() {
            origin = Some(place.at("compose_file_path").origin());
        }
        origin.get_or_insert_with(|| place.origin());
        entry.description = entry.description.or(part.description);
        entry.compose_file_path = entry.compose_file_path.or(part.compose_file_path);
        entry.placement_constraints = entry.placement_constraints.or(part.placement_constraints);
        entry.services.extend(part.services);
        entry.compat = entry.compat.or(part.compat);
        entry.resolve_image = entry.resolve_image.or(part.resolve_image);
        entry.on_failure = entry.on_failure.or(part.on_failure);
        entry.rotate = entry.rotate.or(part.rotate);
        entry.dropped_keys = entry.dropped_keys.or(part.dropped_keys);
        entry.wait_seconds = entry.wait_seconds.or(part.wait_seconds);
        for (key, content) in part.environments {
            let at = place.at("environments").at(&key);
            let environment = environment(content, &at, context, &mut errors);
            environments.insert(String::from(key), environment);
        }
    }
    let Some(origin) = origin.filter(|_| errors.is_empty()) else {
        return Err(errors);
    };
    let compose_file_path = match &entry.compose_file_path {
        Some(path) => context.host_path(path),
        None => context.host_path(&format!("stacks/{name}/docker-compose.yml")),
    };
    Ok(Stack {
        name: name.to_owned(),
        description: entry.description.map(String::from).unwrap_or_default(),
        compose_file_path,
        placement: placement(
            entry.placement_constraints.unwrap_or_default(),
            entry.services,
        ),
        compat: entry.compat.unwrap_or_default(),
        resolve_image: entry.resolve_image.unwrap_or_default(),
        on_failure: entry.on_failure.unwrap_or_default(),
        rotate: entry.rotate.unwrap_or_default(),
        dropped_keys: entry.dropped_keys.unwrap_or_default(),
        wait_seconds: entry.wait_seconds.unwrap_or(WAIT_SECONDS),
        environments,
        origin,
    })
}

/// Keys that two parts have in common; of `environments` and `services` the keys below them.
fn said_twice(parts: &[Part<'_>]) -> Vec<ConfigError> {
    let [(_, first), (_, second)] = parts else {
        return Vec::new();
    };
    let mut errors = Vec::new();
    compare(first, second, &mut errors);
    errors
}

fn compare(first: &Place<'_>, second: &Place<'_>, errors: &mut Vec<ConfigError>) {
    for (index, (key, value)) in second.members().into_iter().enumerate() {
        let Some(other) = first.get(key) else {
            continue;
        };
        match key {
            "$schema" | "version" => {}
            "environments" | "services" => compare(&other, &value, errors),
            _ => {
                let place = second.key(index);
                let message = format!("`{}` is said in two places", place.origin().json_path);
                errors.push(
                    (place.error(Rule::SaidTwice, message))
                        .hint(format!("remove it here or at {}", other.origin())),
                );
            }
        }
    }
}

fn placement(all: Vec<Constraint>, services: BTreeMap<ServiceName, ServiceEntry>) -> PlacementSpec {
    let texts = |list: Vec<Constraint>| list.into_iter().map(String::from);
    PlacementSpec {
        all_services: texts(all).collect(),
        services: services
            .into_iter()
            .map(|(name, service)| (name.into(), texts(service.placement_constraints).collect()))
            .collect(),
    }
}

fn environment(
    entry: EnvironmentEntry,
    place: &Place<'_>,
    context: &Context<'_>,
    errors: &mut Vec<ConfigError>,
) -> Environment {
    let mut environment = Environment::default();
    for (index, variable) in entry.variables.into_iter().enumerate() {
        let name = String::from(variable.name);
        if environment.variables.contains_key(&name) {
            let place = place.at("variables").item(index).at("name");
            let message = format!("variable `{name}` stands twice in this environment");
            errors.push(place.error(Rule::DuplicateName, message));
        }
        let value = Secret::new(String::from(variable.value));
        let secret = variable.secret;
        environment
            .variables
            .insert(name, Variable { value, secret });
    }
    for (index, entry) in entry.files.into_iter().enumerate() {
        let place = place.at("files").item(index);
        match file(entry, &place, context) {
            Ok(file)
                if environment
                    .files
                    .iter()
                    .any(|other| other.name == file.name) =>
            {
                let message = format!("two files of this environment are named `{}`", file.name);
                errors.push(
                    (place.error(Rule::DuplicateName, message))
                        .hint("give one of them another `name`, the key under `configs:`"),
                );
            }
            Ok(file) => environment.files.push(file),
            Err(error) => errors.push(error),
        }
    }
    environment
}

fn file(
    entry: FileEntry,
    place: &Place<'_>,
    context: &Context<'_>,
) -> Result<EnvironmentFile, ConfigError> {
    let destination = String::from(entry.destination);
    let base = destination.rsplit('/').next().unwrap_or_default();
    let name = match &entry.name {
        Some(name) => name.to_string(),
        None => base.to_owned(),
    };
    if base.is_empty() || destination.split('/').any(|part| part == "..") {
        let message = format!("`{destination}` does not name a file");
        return Err(place.at("destination").error(Rule::Destination, message));
    }
    Ok(EnvironmentFile {
        name,
        source: context.host_path(&entry.source),
        destination,
        origin: place.at("source").origin(),
    })
}
