//! Folders of nodes that a stack's services bind: looked for before the first write, since Swarm rejects a task
//! whose folder is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::retry::Deadline;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, BindSource, RequestBody};

use crate::channel::Channel;
use crate::context::Context;
use crate::observe::host_state;
use crate::plan::action::Folders;
use crate::plan::observed::HostState;

const QUESTION: Duration = Duration::from_secs(30);

/// What was found of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// To be made: no other node may run their service.
    pub folders: Vec<Folders>,
    /// Why the stack cannot be deployed, one line each.
    pub missing: Vec<String>,
    pub notices: Vec<String>,
}

/// What a guest says of the paths it was asked for: those that are missing, or why it does not say.
type Answers = BTreeMap<Vmid, Result<BTreeSet<String>, String>>;

/// Asks the guest behind every node that may run a service with a bind.
pub(super) async fn look(context: &Context, binds: &[BindSource]) -> Found {
    let mut paths: BTreeMap<Vmid, BTreeSet<String>> = BTreeMap::new();
    for bind in binds {
        for vmid in bind.nodes.iter().filter_map(|node| node.vmid) {
            paths.entry(vmid).or_default().insert(bind.path.clone());
        }
    }
    let questions = paths.into_iter().map(|(vmid, paths)| async move {
        let paths = paths.into_iter().collect();
        (vmid, ask(context, vmid, paths).await)
    });
    judge(binds, &join_all(questions).await.into_iter().collect())
}

async fn ask(
    context: &Context,
    vmid: Vmid,
    paths: Vec<String>,
) -> Result<BTreeSet<String>, String> {
    match host_state(context, vmid).await {
        Observed::Known(HostState::Running) => {}
        Observed::Known(state) => return Err(state.to_string()),
        Observed::Unknown(reason) => return Err(reason),
    }
    let channel = Channel::to_vm(vmid, &context.paths);
    let question = RequestBody::MissingPaths { paths };
    match channel.answer(question, Deadline::after(QUESTION)).await {
        Ok(Answer::MissingPaths(missing)) => Ok(missing.into_iter().collect()),
        Ok(_) => Err("its agent answered another question".to_owned()),
        Err(error) => Err(Chain(&error).to_string()),
    }
}

fn judge(binds: &[BindSource], answers: &Answers) -> Found {
    let mut found = Found::default();
    let mut folders: BTreeMap<Vmid, BTreeSet<String>> = BTreeMap::new();
    for bind in binds {
        let BindSource { path, service, .. } = bind;
        let (path, service) = (Untrusted(path), Untrusted(service));
        for node in &bind.nodes {
            let hostname = Untrusted(&node.hostname);
            let answer = node.vmid.and_then(|vmid| Some((vmid, answers.get(&vmid)?)));
            match answer {
                Some((vmid, Ok(missing))) if missing.contains(&bind.path) => {
                    if bind.may_be_made && bind.nodes.len() == 1 {
                        folders.entry(vmid).or_default().insert(bind.path.clone());
                    } else {
                        found.missing.push(format!(
                            "service {service} binds {path}, which is not there on node {hostname} (guest {vmid})"
                        ));
                    }
                }
                Some((_, Ok(_))) => {}
                Some((vmid, Err(reason))) => found.notices.push(format!(
                    "service {service} binds {path}: whether it is there on guest {vmid} cannot be told: {reason}"
                )),
                None => found.notices.push(format!(
                    "service {service} binds {path}: whether it is there on node {hostname} cannot be told, no guest of the configuration stands behind it"
                )),
            }
        }
    }
    let folders = folders.into_iter().map(|(vmid, paths)| Folders {
        vmid,
        paths: paths.into_iter().collect(),
    });
    found.folders = folders.collect();
    found
}

#[cfg(test)]
mod tests {
    use phoenix_common::wire::BindNode;

    use super::*;

    fn vmid(number: u32) -> Vmid {
        Vmid::new(number).unwrap()
    }

    fn bind(path: &str, may_be_made: bool, nodes: &[u32]) -> BindSource {
        let node = |number: &u32| BindNode {
            id: format!("id{number}"),
            hostname: format!("vm{number}"),
            vmid: Vmid::new(*number).ok(),
        };
        BindSource {
            path: path.into(),
            service: "web".into(),
            may_be_made,
            nodes: nodes.iter().map(node).collect(),
        }
    }

    #[test]
    fn one_node_gets_its_folder_and_more_are_a_mistake() {
        let missing = |paths: &[&str]| Ok(paths.iter().map(|path| (*path).to_owned()).collect());
        let answers: Answers = BTreeMap::from([
            (vmid(1001), missing(&["/a", "/long"])),
            (vmid(1002), missing(&["/a", "/b"])),
            (vmid(1003), Err("it is stopped".to_owned())),
        ]);
        let found = judge(
            &[
                bind("/a", true, &[1001]),
                bind("/b", true, &[1001, 1002]),
                bind("/long", false, &[1001]),
                bind("/c", true, &[1003]),
                bind("/d", true, &[9]),
            ],
            &answers,
        );
        let made = Folders {
            vmid: vmid(1001),
            paths: vec!["/a".into()],
        };
        assert_eq!(found.folders, [made]);
        assert_eq!(
            found.missing,
            [
                "service web binds /b, which is not there on node vm1002 (guest 1002)",
                "service web binds /long, which is not there on node vm1001 (guest 1001)",
            ]
        );
        assert_eq!(found.notices.len(), 2, "{:?}", found.notices);
        assert!(found.notices[0].contains("guest 1003 cannot be told: it is stopped"));
    }
}
