//! The pure half of a deploy: compose files in, what shall exist out. Parse, substitute, check, load,
//! merge, convert; nothing here touches the engine or the disk.

use std::sync::Arc;

use phoenix_common::spec::{Compat, ComposeText, DroppedKeys};

use super::convert::{self, Desired};
use super::fault::{Fault, Problem, Problems};
use super::files::Files;
use super::interpolate::{self, Environment};
use super::load::Load;
use super::model::Stack;
use super::names::Namespace;
use super::notice::{Notice, Notices, Warning};
use super::yaml::{self, Value};
use super::{merge, preflight, schema};

/// All that goes into a deploy.
#[derive(Debug)]
pub struct Input<'run> {
    pub namespace: Namespace,
    /// In the order of `-c`: later files over earlier ones.
    pub compose: &'run [ComposeText],
    pub environment: Environment,
    pub files: Files,
    /// Where relative bind sources start; `None`: they are refused.
    pub directory: Option<String>,
    pub compat: Compat,
    pub dropped_keys: DroppedKeys,
    /// Whether all tasks stay on one node, so that local data stays with them.
    pub pinned: bool,
}

/// What shall exist, and what its author should know.
#[derive(Debug)]
pub struct Outcome {
    pub stack: Stack,
    pub desired: Desired,
    pub warnings: Vec<Warning>,
}

/// Runs all stages.
///
/// # Errors
/// All mistakes of the first stage that found any.
pub fn compose(input: &Input<'_>) -> Result<Outcome, Problems> {
    compose_with(input, |_| Vec::new())
}

/// [`compose`], with `adjust` changing the model between loading and conversion.
pub fn compose_with(
    input: &Input<'_>,
    adjust: impl FnOnce(&mut Stack) -> Vec<Problem>,
) -> Result<Outcome, Problems> {
    let mut notices = Notices::default();
    let mut stack = load_all(input, &mut notices)?;
    if input.dropped_keys == DroppedKeys::Error {
        refuse(dropped(&notices))?;
    }
    refuse(adjust(&mut stack))?;
    let desired = convert::convert(&input.namespace, &stack).map_err(Problems)?;
    refuse(preflight::check(&stack, &desired))?;
    preflight::warn(&stack, input.pinned, &mut notices);
    Ok(Outcome {
        stack,
        desired,
        warnings: notices.0,
    })
}

/// The warnings of hardening that is lost, as mistakes.
fn dropped(notices: &Notices) -> Vec<Problem> {
    let lost = notices.0.iter().filter_map(|warning| {
        let Notice::HardeningDropped { key } = &warning.notice else {
            return None;
        };
        Some(Problem {
            place: warning.place.clone(),
            path: warning.path.clone(),
            fault: Fault::HardeningDropped { key: key.clone() },
        })
    });
    lost.collect()
}

fn load_all(input: &Input<'_>, notices: &mut Notices) -> Result<Stack, Problems> {
    let mut merged: Option<Stack> = None;
    let mut first_version: Option<String> = None;
    for file in input.compose {
        let (stack, version) = load_one(input, file, notices)?;
        match &first_version {
            Some(first) if *first != version => {
                let fault = Fault::VersionMismatch {
                    first: first.clone(),
                    second: version,
                };
                let path = format!("{}: version", file.path);
                return Err(Problem::of(path, fault).into());
            }
            Some(_) => {}
            None => first_version = Some(version),
        }
        match &mut merged {
            Some(base) => merge::merge(base, stack),
            None => merged = Some(stack),
        }
    }
    Ok(merged.unwrap_or_default())
}

fn load_one(
    input: &Input<'_>,
    file: &ComposeText,
    notices: &mut Notices,
) -> Result<(Stack, String), Problems> {
    let name: Arc<str> = Arc::from(file.path.as_str());
    let mut root = yaml::read(&name, &file.text)?;
    let Value::Map(map) = &root.value else {
        let fault = Fault::NotAMapping {
            found: root.value.kind(),
        };
        return Err(Problem::at(&root.place, "", fault).into());
    };
    let (version, version_text) = schema::version_of(map, &root)?;
    refuse(schema::forbidden(map))?;
    refuse(interpolate::interpolate(
        &mut root,
        &input.environment,
        notices,
    ))?;
    refuse(schema::check(&root, version, input.compat, notices))?;
    let mut load = Load {
        compat: input.compat,
        environment: &input.environment,
        files: &input.files,
        directory: input.directory.as_deref(),
        notices,
        problems: Vec::new(),
    };
    let stack = load.file(&root);
    refuse(load.problems)?;
    Ok((stack, version_text))
}

fn refuse(mut problems: Vec<Problem>) -> Result<(), Problems> {
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort_by(|left, right| left.place.cmp(&right.place));
    Err(Problems(problems))
}
