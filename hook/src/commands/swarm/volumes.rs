//! The volumes of a stack, each on its own node: found and removed by the agent of every member guest.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::retry::Deadline;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, RequestBody, SwarmView, Work};

use crate::channel::Channel;
use crate::context::Context;
use crate::execute::ExecuteError;
use crate::observe::host_state;
use crate::plan::desired::VMID_LABEL;
use crate::plan::observed::HostState;
use crate::progress::Progress;

const QUESTION: Duration = Duration::from_secs(30);

/// What the nodes of a Swarm have of a stack.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Names of volumes by guest; no entry where there is none.
    pub volumes: BTreeMap<Vmid, Vec<String>>,
    /// Nodes that could not be asked, and why: `guest 1003: it is stopped`.
    pub not_asked: Vec<String>,
}

/// What became of the volumes that were to go.
#[derive(Debug, Default)]
pub(super) struct Removed {
    pub volumes: BTreeMap<Vmid, Vec<String>>,
    pub failures: Vec<ExecuteError>,
}

/// Asks every member guest of the Swarm; `via` is the manager that tells the nodes.
///
/// # Errors
/// The manager does not tell them. A member that does not answer is no error here.
pub(super) async fn look(
    context: &Context,
    swarm: &str,
    (via, namespace): (Vmid, &str),
) -> Result<Found, ExecuteError> {
    let channel = Channel::to_vm(via, &context.paths);
    let question = RequestBody::SwarmView;
    let answer = channel.answer(question, Deadline::after(QUESTION)).await?;
    let Answer::SwarmView(view) = answer else {
        return Err(ExecuteError::OtherAnswer { vmid: via });
    };
    let members = context.config.members_of(swarm);
    let members: Vec<Vmid> = members.into_iter().map(|guest| guest.vmid).collect();
    let questions = members
        .iter()
        .map(|vmid| ask(context, *vmid, namespace.to_owned()));
    let mut found = Found {
        not_asked: strangers(&view, &members),
        ..Found::default()
    };
    for (vmid, answer) in members.iter().zip(join_all(questions).await) {
        match answer {
            Ok(names) if names.is_empty() => {}
            Ok(names) => {
                found.volumes.insert(*vmid, names);
            }
            // One that is no node of the Swarm need not answer.
            Err(reason) if is_node(&view, *vmid) => {
                found.not_asked.push(format!("guest {vmid}: {reason}"));
            }
            Err(_) => {}
        }
    }
    Ok(found)
}

fn is_node(view: &SwarmView, vmid: Vmid) -> bool {
    let mut labels = view.nodes.iter().map(|node| node.labels.get(VMID_LABEL));
    labels.any(|label| label.and_then(|label| label.parse().ok()) == Some(vmid))
}

/// Nodes behind which no configured guest stands: nobody there can be asked.
fn strangers(view: &SwarmView, members: &[Vmid]) -> Vec<String> {
    let is_member = |label: &String| {
        let vmid = label.parse::<Vmid>();
        vmid.is_ok_and(|vmid| members.contains(&vmid))
    };
    let strangers = view
        .nodes
        .iter()
        .filter(|node| !node.labels.get(VMID_LABEL).is_some_and(is_member));
    strangers
        .map(|node| {
            let name = Untrusted(&node.hostname);
            format!("node {name}: no guest of the configuration stands behind it")
        })
        .collect()
}

async fn ask(context: &Context, vmid: Vmid, namespace: String) -> Result<Vec<String>, String> {
    match host_state(context, vmid).await {
        Observed::Known(HostState::Running) => {}
        // What is nowhere has no volumes.
        Observed::Known(HostState::Absent) => return Ok(Vec::new()),
        Observed::Known(state) => return Err(state.to_string()),
        Observed::Unknown(reason) => return Err(reason),
    }
    let channel = Channel::to_vm(vmid, &context.paths);
    let question = RequestBody::StackVolumes { namespace };
    match channel.answer(question, Deadline::after(QUESTION)).await {
        Ok(Answer::StackVolumes(volumes)) => Ok(volumes.names),
        Ok(_) => Err("its agent answered another question".to_owned()),
        Err(error) => Err(Chain(&error).to_string()),
    }
}

/// Removes the volumes of the stack in every guest that has some.
pub(super) async fn remove(
    context: &Context,
    progress: &Progress,
    found: &Found,
    (namespace, wait_seconds, deadline): (&str, u32, Deadline),
) -> Removed {
    let jobs = found.volumes.keys().map(|vmid| async move {
        let work = Work::RemoveStackVolumes {
            namespace: namespace.to_owned(),
            wait_seconds,
        };
        let channel = Channel::to_vm(*vmid, &context.paths);
        let mut said = |line: &phoenix_common::wire::Progress| {
            progress.now(*vmid, &format!("{}: {}", line.step, line.message));
        };
        channel.run_job(work, deadline, &mut said).await
    });
    let mut removed = Removed::default();
    for (vmid, result) in found.volumes.keys().zip(join_all(jobs).await) {
        match result {
            Ok(report) => {
                let name = |subject: &str| {
                    let name = subject.strip_prefix("volume ");
                    name.unwrap_or(subject).to_owned()
                };
                let names = report.changes.iter().map(|change| name(&change.subject));
                removed.volumes.insert(*vmid, names.collect());
            }
            Err(error) => removed.failures.push(ExecuteError::Job(error)),
        }
    }
    removed
}

/// `volumes data, logs on guest 1002`, for what an operator is asked.
pub(super) fn text(found: &Found) -> String {
    let text = found.volumes.iter().map(|(vmid, names)| {
        let names: Vec<String> = names
            .iter()
            .map(|name| Untrusted(name).to_string())
            .collect();
        format!("volumes {} on guest {vmid}", names.join(", "))
    });
    text.collect::<Vec<String>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_named_with_its_guest() {
        let vmid = |number| Vmid::new(number).unwrap();
        let found = Found {
            volumes: BTreeMap::from([
                (vmid(1001), vec!["a".to_owned(), "b\u{1b}".to_owned()]),
                (vmid(1002), vec!["c".to_owned()]),
            ]),
            not_asked: Vec::new(),
        };
        assert_eq!(
            text(&found),
            "volumes a, b\\u{1b} on guest 1001; volumes c on guest 1002"
        );
    }
}
