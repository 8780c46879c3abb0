//! From the desired state the hypervisor sent to what the engine shall hold.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use phoenix_common::secret::Secret;
use phoenix_common::spec::{Compat, ComposeText, StackSpec};
use phoenix_common::vmid::Vmid;

use super::compose::{Input, Outcome, compose_with};
use super::diff::Mask;
use super::error::StackError;
use super::fault::{Fault, Problem, Problems};
use super::files::{Files, Reader};
use super::interpolate::Environment;
use super::load::environment;
use super::model::Stack;
use super::names::Namespace;

/// The label that Phoenix gives each node: the vmid of its guest.
const VMID_LABEL: &str = "node.labels.phoenix.vmid";

/// Runs the pure stages for `spec`.
///
/// # Errors
/// Every mistake of the compose file, of the placement and of the files that go with it.
pub fn outcome(spec: &StackSpec) -> Result<Outcome, StackError> {
    pure(spec).map_err(|source| StackError::Input {
        stack: spec.namespace.clone(),
        source,
    })
}

/// A stack whose files lie on this machine, for a deploy by hand.
#[derive(Debug)]
pub struct LocalStack {
    /// Its `compose` is not used.
    pub spec: StackSpec,
    /// In the order of `-c`.
    pub compose: Vec<ComposeText>,
    /// Where the first compose file lies: relative paths start there.
    pub directory: String,
    pub reader: Reader,
    /// Values that no plan may show.
    pub hidden: Vec<Secret>,
    /// Where this machine's file system starts, for the folders that services bind.
    pub root: PathBuf,
}

impl LocalStack {
    pub fn mask(&self) -> Mask {
        Mask::new(self.hidden.iter().map(Secret::expose))
    }
}

/// [`outcome`] for files of this machine.
///
/// # Errors
/// Every mistake of the compose files and of the files they name.
pub fn local_outcome(local: &LocalStack) -> Result<Outcome, StackError> {
    let spec = &local.spec;
    let input = Input {
        namespace: Namespace::new(&spec.namespace),
        compose: &local.compose,
        environment: Environment::new(spec.variables.clone()),
        files: Files::read_with(local.reader, &local.directory),
        directory: Some(local.directory.clone()),
        compat: spec.compat,
        dropped_keys: spec.dropped_keys,
        pinned: false,
    };
    compose_with(&input, |_| Vec::new()).map_err(|source| StackError::Input {
        stack: spec.namespace.clone(),
        source,
    })
}

/// `NAME=value` lines as variables: literal, but for one pair of quotes around a whole value.
///
/// # Errors
/// The number of the first bad line, and what is wrong with it.
pub fn variables(content: &[u8]) -> Result<BTreeMap<String, Secret>, (usize, &'static str)> {
    let pairs = environment::parse(content, &Environment::default())?;
    let unquoted = |value: String| {
        let inner = ['"', '\''].into_iter().find_map(|quote| {
            let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
            Some(inner.to_owned())
        });
        inner.unwrap_or(value)
    };
    Ok(pairs
        .into_iter()
        .map(|(name, value)| (name, Secret::new(unquoted(value.unwrap_or_default()))))
        .collect())
}

/// Hides the values of the stack's variables.
pub fn mask(spec: &StackSpec) -> Mask {
    Mask::new(spec.variables.values().map(Secret::expose))
}

fn pure(spec: &StackSpec) -> Result<Outcome, Problems> {
    let input = Input {
        namespace: Namespace::new(&spec.namespace),
        compose: std::slice::from_ref(&spec.compose),
        environment: Environment::new(spec.variables.clone()),
        files: Files::new(contents(spec)?, None),
        directory: None,
        compat: spec.compat,
        dropped_keys: spec.dropped_keys,
        pinned: spec.pinned_to.is_some(),
    };
    let outcome = compose_with(&input, |stack| place(stack, spec))?;
    let unused = input.files.unused();
    if unused.is_empty() || spec.compat == Compat::Docker {
        return Ok(outcome);
    }
    let problem = |name| Problem::of("files", Fault::FileNotUsed { name });
    Err(Problems(unused.into_iter().map(problem).collect()))
}

fn contents(spec: &StackSpec) -> Result<BTreeMap<String, Vec<u8>>, Problems> {
    spec.files
        .iter()
        .map(|file| {
            let engine = base64::engine::general_purpose::STANDARD;
            let content = engine.decode(&file.content_base64).map_err(|_| {
                let (text, wanted) = (file.name.clone(), "base64 content");
                Problem::of("files", Fault::BadFormat { text, wanted })
            })?;
            Ok((file.name.clone(), content))
        })
        .collect()
}

/// The manifest's constraints, after those of the compose file.
fn place(stack: &mut Stack, spec: &StackSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, constraints) in &spec.placement.services {
        if let Some(service) = stack.services.get_mut(name) {
            add(&mut service.deploy.placement.constraints, constraints);
        } else {
            let path = format!("placement_constraints.services.{name}");
            problems.push(Problem::of(path, Fault::NoSuchService));
        }
    }
    for service in stack.services.values_mut() {
        let own = &mut service.deploy.placement.constraints;
        add(own, &spec.placement.all_services);
        if let Some(vmid) = spec.pinned_to {
            add(own, &[pin(vmid)]);
        }
    }
    problems
}

/// The constraint that keeps a task on a guest.
fn pin(vmid: Vmid) -> String {
    format!("{VMID_LABEL} == {vmid}")
}

fn add(constraints: &mut Vec<String>, more: &[String]) {
    for constraint in more {
        if !constraints.contains(constraint) {
            constraints.push(constraint.clone());
        }
    }
}
