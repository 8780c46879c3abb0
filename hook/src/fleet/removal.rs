//! A guest leaves: its stacks and environment, its Swarm, then Proxmox.

use std::collections::BTreeMap;
use std::time::Duration;

use phoenix_common::fail_point;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{SwarmNodeUpdate, SwarmRole};

use crate::context::Context;
use crate::execute::{ExecuteError, Executor};
use crate::lock::{Lock, LockError};
use crate::observe::{machine_state, observe_swarm};
use crate::plan::action::Action;
use crate::plan::machine::desired::MachineDesired;
use crate::plan::machine::observed::{MachineState, Power};
use crate::plan::machine::removal::{RemovalAction, RemovalPlan, RemovalSwarm, RemovalWish, plan};
use crate::progress::Progress;
use crate::pve::api::{ApiError, GuestAddress, Pve};
use crate::pve::vmlist::Kind;

/// How long a guest may take to power itself off before it is stopped.
const POWER_OFF_SECONDS: u64 = 60;
/// How long the cluster may take to stop a guest that it manages (high availability).
const STOP_TAKES_EFFECT: Duration = Duration::from_mins(3);
const SWARM_STEP: Duration = Duration::from_mins(3);

/// What a removal works with.
#[derive(Debug)]
pub struct RemovalRun<'run> {
    pub context: &'run Context,
    pub pve: &'run Pve,
    pub progress: &'run Progress,
    pub wish: RemovalWish,
}

#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    #[error("another run works on the guest or its Swarm")]
    Lock(#[from] LockError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error("guest {0} runs on though it was shut down")]
    StillRuns(Vmid),
}

impl RemovalRun<'_> {
    /// What there is to do now.
    ///
    /// # Errors
    /// Proxmox does not show the guest.
    pub async fn plan(&self) -> Result<RemovalPlan, RemovalError> {
        let observed = machine_state(self.context, self.pve, &self.desired()).await?;
        let swarm = self.swarm().await;
        let mut plan = plan(self.wish, &observed, swarm.as_ref());
        if !plan.actions.is_empty() {
            let left = left_in_environment(self.context, self.wish.vmid);
            plan.notices.extend(left);
        }
        Ok(plan)
    }

    /// Carries the plan out under the locks of the guest and of its Swarm; how many steps were done.
    ///
    /// # Errors
    /// A step failed; the next run does the rest.
    pub async fn carry_out(&self, patience: Duration) -> Result<usize, RemovalError> {
        let vmid = self.wish.vmid;
        let deadline = Deadline::after(patience);
        let _guest = self
            .lock(&self.context.paths.guest_lock(vmid), deadline)
            .await?;
        let swarm = self.context.config.guests.get(&vmid);
        let swarm = swarm.and_then(|guest| guest.swarm.as_ref());
        let _swarm = match swarm {
            Some(member) => {
                let path = self.context.paths.swarm_lock(&member.name);
                Some(self.lock(&path, deadline).await?)
            }
            None => None,
        };
        let plan = self.plan().await?;
        for action in &plan.actions {
            self.progress.say(vmid, &action.to_string());
            fail_point!("before {action}");
            self.execute(action).await?;
            fail_point!("after {action}");
        }
        Ok(plan.actions.len())
    }

    async fn lock(&self, path: &std::path::Path, deadline: Deadline) -> Result<Lock, LockError> {
        Lock::acquire(path, "delete", deadline, |holder| {
            let text = format!("waits for another run: {holder}");
            self.progress.say(self.wish.vmid, &text);
        })
        .await
    }

    /// An undeclared guest can be removed as well.
    fn desired(&self) -> MachineDesired {
        match self.context.config.guests.get(&self.wish.vmid) {
            Some(guest) => MachineDesired::of(guest),
            None => MachineDesired::nameless(self.wish.vmid),
        }
    }

    /// The guest's Swarm through another manager; by itself it can only be seen that it is alone.
    async fn swarm(&self) -> Option<RemovalSwarm> {
        let vmid = self.wish.vmid;
        let member = self.context.config.guests.get(&vmid)?.swarm.as_ref()?;
        let managers = self.context.config.managers_of(&member.name);
        let managers: Vec<Vmid> = managers.iter().map(|guest| guest.vmid).collect();
        let others: Vec<Vmid> = managers
            .iter()
            .copied()
            .filter(|manager| *manager != vmid)
            .collect();
        let seen = observe_swarm(self.context, &others).await;
        let view = match seen.view {
            Observed::Known(view) => Observed::Known(Some(view)),
            Observed::Unknown(_) => self.alone(&managers, &others).await,
        };
        Some(RemovalSwarm {
            name: member.name.clone(),
            view,
        })
    }

    /// No other manager is in a cluster: the guest may be all of it, or there may be none.
    async fn alone(
        &self,
        managers: &[Vmid],
        others: &[Vmid],
    ) -> Observed<Option<(Vmid, phoenix_common::wire::SwarmView)>> {
        let seen = observe_swarm(self.context, managers).await;
        let mut silent = seen.managers.iter().filter(|(vmid, state)| {
            let matters = **vmid != self.wish.vmid || others.is_empty();
            matters && state.known().is_none()
        });
        if let Some((vmid, Observed::Unknown(reason))) = silent.next() {
            return Observed::Unknown(format!("manager {vmid}: {reason}"));
        }
        match seen.view {
            Observed::Known((_, view)) if view.nodes.len() > 1 => Observed::unknown(
                "this guest is its only manager, and other nodes would be left without one",
            ),
            _ => Observed::Known(None),
        }
    }

    async fn execute(&self, action: &RemovalAction) -> Result<(), RemovalError> {
        match action {
            RemovalAction::Demote { .. }
            | RemovalAction::LeaveSwarm { .. }
            | RemovalAction::RemoveSwarmNode { .. } => self.in_swarm(action).await,
            RemovalAction::ShutDown {
                vmid,
                node,
                container,
            } => self.shut_down(&address(node, *vmid, *container)).await,
            RemovalAction::Destroy {
                vmid,
                node,
                container,
                past_lock,
            } => {
                let guest = address(node, *vmid, *container);
                let on_line = &mut |line: &str| self.progress.now(*vmid, line);
                Ok(self.pve.destroy(&guest, *past_lock, on_line).await?)
            }
        }
    }

    async fn in_swarm(&self, action: &RemovalAction) -> Result<(), RemovalError> {
        let Some(action) = swarm_action(action) else {
            return Ok(());
        };
        let executor = Executor {
            context: self.context,
            progress: self.progress,
            vmid: self.wish.vmid,
            deadline: Deadline::after(SWARM_STEP),
        };
        executor.execute(&action).await?;
        Ok(())
    }

    async fn shut_down(&self, guest: &GuestAddress) -> Result<(), RemovalError> {
        let on_line = &mut |line: &str| self.progress.now(guest.vmid, line);
        let asked = self.pve.shut_down(guest, POWER_OFF_SECONDS, on_line).await;
        // What counts is whether it still runs.
        let deadline = Deadline::after(STOP_TAKES_EFFECT);
        for pause in Backoff::new(Duration::from_millis(100), Duration::from_secs(2)) {
            let state = machine_state(self.context, self.pve, &self.desired()).await?;
            if let Observed::Known(MachineState::Present(machine)) = &state
                && machine.power == Power::Stopped
            {
                return Ok(());
            }
            if let Err(error) = asked {
                return Err(error.into());
            }
            if deadline.has_passed() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Err(RemovalError::StillRuns(guest.vmid))
    }
}

/// The step of a Swarm's own plan that does it.
fn swarm_action(action: &RemovalAction) -> Option<Action> {
    Some(match action {
        RemovalAction::Demote {
            via,
            swarm,
            node_id,
            ..
        } => Action::SwarmUpdateNode {
            via: *via,
            swarm: swarm.clone(),
            update: SwarmNodeUpdate {
                node_id: node_id.clone(),
                set_labels: BTreeMap::new(),
                remove_labels: Vec::new(),
                role: Some(SwarmRole::Worker),
                availability: None,
            },
        },
        RemovalAction::LeaveSwarm { vmid, swarm } => Action::SwarmLeave {
            vmid: *vmid,
            swarm: swarm.clone(),
            reason: "the guest is deleted".to_owned(),
        },
        RemovalAction::RemoveSwarmNode {
            via,
            swarm,
            node_id,
            hostname,
        } => Action::SwarmRemoveNode {
            via: *via,
            swarm: swarm.clone(),
            node_id: node_id.clone(),
            hostname: hostname.clone(),
        },
        RemovalAction::ShutDown { .. } | RemovalAction::Destroy { .. } => return None,
    })
}

/// What of the environment layer refers to the guest and is not removed with it: its Portainer environment and the
/// routes of the gateway. The one place where their removal belongs.
fn left_in_environment(context: &Context, vmid: Vmid) -> Vec<String> {
    let mut left = Vec::new();
    if let Some(guest) = context.config.guests.get(&vmid)
        && guest.portainer_role.is_some()
    {
        let name = &guest.name;
        left.push(format!(
            "its environment in Portainer ({name}) stays: remove it there"
        ));
    }
    let gateway = context.config.hypervisor.gateway.as_ref();
    for route in gateway.iter().flat_map(|gateway| &gateway.routes) {
        if route.to_vmid == vmid {
            let name = &route.name;
            left.push(format!(
                "gateway route {name} still leads to it: remove the route"
            ));
        }
    }
    left
}

/// Removes what Phoenix itself keeps of a guest that is gone; it serves people only, so a failure is logged.
pub fn forget(context: &Context, vmid: Vmid) {
    let path = context.paths.guest_record(vmid);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(vmid = vmid.get(), "record: {}", Chain(&error));
        }
        _ => {}
    }
}

fn address(node: &str, vmid: Vmid, container: bool) -> GuestAddress {
    GuestAddress {
        node: node.to_owned(),
        kind: if container { Kind::Lxc } else { Kind::Qemu },
        vmid,
    }
}
