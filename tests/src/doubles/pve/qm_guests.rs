//! `qm clone`, `create`, `destroy` and `template`: from words to tasks.

use super::arguments::Arguments;
use super::clone::Clone;
use super::create::{Create, check_template};
use super::destroy::Destroy;
use super::error::PveError;
use super::job::Job;
use super::node::Node;
use super::qm_check::is_dns_name;
use super::task::{self, Show};
use super::warn;

pub(super) const CLONE_USAGE: &str = "clone <vmid> <newid> [OPTIONS]";

pub(super) fn clone(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let usage = format!("qm {CLONE_USAGE}");
    let Some(newid) = arguments.words.get(1) else {
        return Err(PveError::Usage(format!(
            "400 not enough arguments\n{usage}"
        )));
    };
    let clone = clone_of(vmid, newid, arguments, &usage)?;
    clone.check(node)?;
    task::run(node, Job::Clone(clone), Show::Stdout).map(drop)
}

/// A clone's parameters, in a form that may be right.
pub(super) fn clone_of(
    vmid: u32,
    newid: &str,
    arguments: &Arguments,
    usage: &str,
) -> Result<Clone, PveError> {
    let options = &arguments.options;
    let wrong = |text: String| Err(PveError::Parameter(format!("{text}\n{usage}")));
    let Ok(newid) = newid.parse() else {
        return wrong(format!(
            "newid: type check ('integer') failed - got '{newid}'"
        ));
    };
    if !(100..=999_999_999).contains(&newid) {
        return wrong(
            "newid: invalid format - value does not look like a valid VM ID\n".to_owned(),
        );
    }
    if options.get("name").is_some_and(|name| !is_dns_name(name)) {
        let text = "name: invalid format - value does not look like a valid DNS name\n";
        return wrong(text.to_owned());
    }
    Ok(Clone {
        vmid,
        newid,
        name: options.get("name").cloned(),
        description: options.get("description").cloned(),
        full: options.get("full").map(|value| value == "1"),
        storage: options.get("storage").cloned(),
    })
}

pub(super) fn destroy_of(vmid: u32, arguments: &Arguments) -> Destroy {
    Destroy {
        vmid,
        purge: arguments.flag("purge"),
        skip_lock: arguments.flag("skiplock"),
    }
}

/// Recorded: a failing task is told, the tool itself ends with 0.
pub(super) fn template(node: &Node, vmid: u32) -> Result<(), PveError> {
    check_template(node, vmid)?;
    match task::run(node, Job::Template { vmid }, Show::Stdout) {
        Err(PveError::Task { wrong, .. }) => {
            warn(&wrong);
            Ok(())
        }
        other => other.map(drop),
    }
}

pub(super) fn create(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let create = Create::checked(node, vmid, &arguments.options)?;
    task::run(node, Job::Create(create), Show::Stdout).map(drop)
}

pub(super) fn destroy(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let destroy = destroy_of(vmid, arguments);
    destroy.check(node)?;
    task::run(node, Job::Destroy(destroy), Show::Stdout).map(drop)
}
