//! Finds the manager guest through which a Swarm is worked on.

use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;

use crate::context::Context;
use crate::exit_code::Exit;
use crate::observe::observe_swarm;
use crate::plan::observed::ObservedSwarm;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoManager {
    #[error(
        "no guest is declared as manager of Swarm {swarm}: give one \"swarm_role\": \"manager\""
    )]
    NotDeclared { swarm: String },
    #[error(
        "managers {one} and {other} of Swarm {swarm} are in two clusters: phoenix swarm status says more"
    )]
    TwoClusters {
        swarm: String,
        one: Vmid,
        other: Vmid,
    },
    #[error(
        "no manager of Swarm {swarm} can be asked: {}; phoenix swarm status says more",
        Untrusted(reasons)
    )]
    NotReached { swarm: String, reasons: String },
}

impl NoManager {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NotDeclared { .. } => Exit::Usage,
            Self::TwoClusters { .. } => Exit::Refused,
            Self::NotReached { .. } => Exit::Failed,
        }
    }
}

/// The declared manager guests of a Swarm, the first candidate for `init` first.
pub(super) fn declared(context: &Context, swarm: &str) -> Vec<Vmid> {
    let managers = context.config.managers_of(swarm);
    managers.into_iter().map(|guest| guest.vmid).collect()
}

/// A manager guest of this node that answers and whose Swarm has a leader.
///
/// # Errors
/// There is none; why, guest by guest.
pub(super) async fn reach(context: &Context, swarm: &str) -> Result<Vmid, NoManager> {
    let managers = declared(context, swarm);
    choose(swarm, &observe_swarm(context, &managers).await)
}

fn choose(swarm: &str, seen: &ObservedSwarm) -> Result<Vmid, NoManager> {
    let swarm = swarm.to_owned();
    if seen.managers.is_empty() {
        return Err(NoManager::NotDeclared { swarm });
    }
    let clusters = seen.clusters();
    if let Some((one, id)) = clusters.first()
        && let Some((other, _)) = clusters.iter().find(|(_, other)| other != id)
    {
        return Err(NoManager::TwoClusters {
            swarm,
            one: *one,
            other: *other,
        });
    }
    match &seen.view {
        Observed::Known((via, _)) => Ok(*via),
        Observed::Unknown(_) => Err(NoManager::NotReached {
            swarm,
            reasons: reasons(seen),
        }),
    }
}

fn reasons(seen: &ObservedSwarm) -> String {
    if let (Observed::Unknown(reason), false) = (&seen.view, seen.clusters().is_empty()) {
        return reason.clone();
    }
    let reasons = seen.managers.iter().map(|(vmid, state)| match state {
        Observed::Unknown(reason) => format!("guest {vmid}: {reason}"),
        Observed::Known(None) => format!("guest {vmid}: Proxmox has no such guest"),
        Observed::Known(Some(_)) => format!("guest {vmid} is no manager of a Swarm yet"),
    });
    reasons.collect::<Vec<String>>().join("; ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use phoenix_common::wire::{Membership, SwarmView};

    use super::*;
    use crate::plan::observed::ManagerState;

    fn vmid(number: u32) -> Vmid {
        Vmid::new(number).unwrap()
    }

    fn manager_of(cluster: &str) -> Observed<Option<ManagerState>> {
        Observed::Known(Some(ManagerState {
            membership: Membership::Manager {
                node_id: "n".into(),
                node_address: "192.0.2.1".into(),
                cluster_id: cluster.into(),
                error: String::new(),
            },
        }))
    }

    fn seen(
        managers: Vec<(u32, Observed<Option<ManagerState>>)>,
        via: Option<u32>,
    ) -> ObservedSwarm {
        let view = |via| {
            let view = SwarmView {
                cluster_id: "c".into(),
                default_address_pool: Vec::new(),
                nodes: Vec::new(),
            };
            Observed::Known((vmid(via), view))
        };
        let managers = managers.into_iter();
        ObservedSwarm {
            managers: managers
                .map(|(number, state)| (vmid(number), state))
                .collect::<BTreeMap<_, _>>(),
            view: via.map_or(Observed::unknown("guest 1001: no leader"), view),
            owner: None,
        }
    }

    #[test]
    fn the_one_that_answered_is_taken_and_else_each_says_why() {
        let found = choose("s", &seen(vec![(1001, manager_of("c"))], Some(1001)));
        assert_eq!(found.unwrap(), vmid(1001));
        let text = |seen: &ObservedSwarm| choose("s", seen).unwrap_err().to_string();
        let off = || Observed::unknown("it is stopped");
        let said = text(&seen(
            vec![(1001, off()), (1003, Observed::Known(None))],
            None,
        ));
        assert!(
            said.contains("guest 1001: it is stopped; guest 1003: Proxmox has no"),
            "{said}"
        );
        let said = text(&seen(vec![(1001, manager_of("c")), (1003, off())], None));
        assert!(said.contains("guest 1001: no leader"), "{said}");
        let two = seen(
            vec![(1001, manager_of("c")), (1003, manager_of("d"))],
            Some(1001),
        );
        let error = choose("s", &two).unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        assert_eq!(
            choose("s", &seen(vec![], None)).unwrap_err().exit(),
            Exit::Usage
        );
    }
}
