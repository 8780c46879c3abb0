//! Which folders of which nodes a stack's services bind.

use std::collections::BTreeMap;
use std::path::Path;

use phoenix_common::spec::Compat;
use phoenix_common::wire::{BindNode, BindSource, Change, ChangeVerb, Progress};
use serde_json::Value;

use super::error::{Refusals, StackError};
use super::model::Stack;
use super::planner::Refusal;
use super::{bind_folders, eligible};
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// Folders that only the system makes.
const NEVER_MADE: &[&str] = &["/proc/", "/sys/", "/dev/", "/run/", "/var/run/"];
/// The label that says which guest a node is.
const VMID_LABEL: &str = "phoenix.vmid";

/// Every bind source with the nodes whose tasks may need it; none in docker mode, which looks at no node.
///
/// # Errors
/// The engine does not tell the nodes.
pub(super) async fn sources(
    engine: &Engine,
    stack: &Stack,
    (compat, namespace): (Compat, &str),
) -> Result<Vec<BindSource>, StackError> {
    let binds = binds(stack);
    if binds.is_empty() || compat == Compat::Docker {
        return Ok(Vec::new());
    }
    let nodes = engine.get("/nodes").await.map_err(failed(namespace))?;
    let nodes: Vec<&Value> = nodes.as_array().into_iter().flatten().collect();
    Ok(binds
        .into_iter()
        .map(|((service, path), may_be_made)| BindSource {
            nodes: nodes_of(stack, &service, &nodes),
            path,
            service,
            may_be_made,
        })
        .collect())
}

fn failed(namespace: &str) -> impl FnOnce(EngineError) -> StackError {
    move |source| StackError::Read {
        what: "the nodes",
        stack: namespace.to_owned(),
        source,
    }
}

/// By service and path; whether a missing one may be made: only the short form asks for that.
fn binds(stack: &Stack) -> BTreeMap<(String, String), bool> {
    let mut binds = BTreeMap::new();
    for (key, service) in &stack.services {
        let volumes = service.volumes.iter().flatten();
        for volume in
            volumes.filter(|volume| volume.kind == "bind" && volume.source.starts_with('/'))
        {
            let path = &volume.source;
            let made = volume.short && !NEVER_MADE.iter().any(|start| path.starts_with(start));
            binds.insert((key.clone(), path.clone()), made);
        }
    }
    binds
}

fn nodes_of(stack: &Stack, service: &str, nodes: &[&Value]) -> Vec<BindNode> {
    let service = stack.services.get(service);
    let constraints = service.map(|service| &service.deploy.placement.constraints);
    let constraints = constraints.map_or(&[][..], Vec::as_slice);
    let text = |node: &Value, pointer: &str| {
        let text = node.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let fitting = nodes.iter().filter(|node| {
        text(node, "/Spec/Availability") != "drain" && eligible::fits(constraints, node)
    });
    fitting
        .map(|node| BindNode {
            id: text(node, "/ID"),
            hostname: text(node, "/Description/Hostname"),
            vmid: node
                .pointer("/Spec/Labels")
                .and_then(|labels| labels.get(VMID_LABEL)?.as_str()?.parse().ok()),
        })
        .collect()
}

/// What a deploy by hand finds on its own node: folders it makes, since no other node runs their tasks.
///
/// # Errors
/// A source is missing here, and other nodes may run the tasks, too; or it is none to be made.
pub(super) async fn to_make_here(
    engine: &Engine,
    root: &Path,
    (sources, namespace): (&[BindSource], &str),
) -> Result<Vec<String>, StackError> {
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let info = engine.get("/info").await.map_err(failed(namespace))?;
    let own = info.pointer("/Swarm/NodeID").and_then(Value::as_str);
    let own = own.unwrap_or_default();
    let (mut paths, mut refusals) = (Vec::new(), Vec::new());
    for source in sources {
        let Some(here) = source.nodes.iter().find(|node| node.id == own) else {
            continue;
        };
        if bind_folders::missing(root, std::slice::from_ref(&source.path)).is_empty() {
            continue;
        }
        if source.may_be_made && source.nodes.len() == 1 {
            paths.push(source.path.clone());
        } else {
            refusals.push(Refusal::BindMissing {
                service: source.service.clone(),
                path: source.path.clone(),
                node: here.hostname.clone(),
            });
        }
    }
    if refusals.is_empty() {
        paths.dedup();
        return Ok(paths);
    }
    Err(StackError::Refused {
        stack: namespace.to_owned(),
        source: Refusals(refusals),
    })
}

/// As a plan shows them.
pub(super) fn changes(paths: &[String]) -> impl Iterator<Item = Change> {
    paths.iter().map(|path| Change {
        verb: ChangeVerb::Create,
        subject: format!("folder {path}"),
        fields: Vec::new(),
    })
}

/// Makes them, and says so.
pub(super) fn make(
    root: &Path,
    paths: &[String],
    namespace: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Change>, StackError> {
    let made = bind_folders::make(root, paths, progress);
    made.map(|report| report.changes)
        .map_err(|source| StackError::Folder {
            stack: namespace.to_owned(),
            source,
        })
}
