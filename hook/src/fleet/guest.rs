//! One guest from nothing to converged: its machine, then the same reconcile as for a start event.

use std::time::Duration;

use phoenix_common::config::Guest;
use phoenix_common::log::Chain;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::machine::{MachineEnding, MachineRun};
use crate::context::Context;
use crate::lock::LockError;
use crate::plan::machine::action::{MachineAction, Step};
use crate::plan::machine::desired::MachineDesired;
use crate::progress::Progress;
use crate::pve::api::Pve;
use crate::pve::guest::{Place, place};
use crate::queue::Queue;
use crate::reconcile::{Ending, Order, ReconcileError, reconcile};
use crate::record::Outcome;
use crate::wake;

/// A guest's run.
#[derive(Debug)]
pub struct GuestRun<'run> {
    pub context: &'run Context,
    pub progress: &'run Progress,
    pub machine: MachineRun<'run>,
    /// How long the inside may take.
    pub deadline: Duration,
    /// End when the machine runs.
    pub machine_only: bool,
    /// Go on looking while only another guest can move, or end and be woken by it.
    pub wait_for_others: bool,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The machine is not what it shall be.
    Machine,
    /// The machine runs, and its inside is none of this run's business.
    MachineOnly,
    /// The machine runs on a node that this process is not on.
    OtherNode,
    /// All of it.
    Guest,
}

/// How a guest's run ended.
#[derive(Debug, Serialize)]
pub struct GuestEnding {
    pub vmid: Vmid,
    pub stage: Stage,
    pub outcome: Outcome,
    pub actions_done: usize,
    /// Why it is not converged, one line each.
    pub open: Vec<String>,
    /// Differences that were left alone.
    pub findings: Vec<String>,
    #[serde(skip)]
    pub refused: bool,
}

impl<'run> GuestRun<'run> {
    /// A run of `verb` with the deadlines of the configuration.
    pub fn new(
        context: &'run Context,
        pve: &'run Pve,
        progress: &'run Progress,
        guest: &Guest,
        verb: &'static str,
    ) -> Self {
        let hypervisor = &context.config.hypervisor;
        let deadline = Duration::from_secs(hypervisor.converge_deadline_seconds);
        let machine = MachineRun {
            context,
            pve,
            progress,
            desired: MachineDesired::of(guest),
            verb,
            patience: deadline,
        };
        Self {
            context,
            progress,
            machine,
            deadline,
            machine_only: false,
            wait_for_others: false,
        }
    }
}

impl GuestRun<'_> {
    /// Brings machine and inside up. Failures are in the ending: what was done stays, and the next run goes on.
    pub async fn bring_up(&self) -> GuestEnding {
        let machine = match self.machine.bring_up().await {
            Ok(ending) => ending,
            Err(error) => {
                let outcome = match &error {
                    LockError::Held { .. } => Outcome::Waiting,
                    LockError::File { .. } => Outcome::Failed,
                };
                return self.without_inside(Stage::Machine, outcome, Chain(&error).to_string());
            }
        };
        if machine.outcome != Outcome::Converged {
            return self.of_machine(Stage::Machine, machine);
        }
        if self.machine_only {
            return self.of_machine(Stage::MachineOnly, machine);
        }
        if !self.is_here() {
            let mut ending = self.of_machine(Stage::OtherNode, machine);
            ending.outcome = Outcome::Waiting;
            ending.open.push(format!(
                "it runs on another node, from where its inside is set up: phoenix converge {} there",
                ending.vmid
            ));
            return ending;
        }
        self.inside(machine).await
    }

    fn is_here(&self) -> bool {
        let place = place(&self.context.paths, self.machine.desired.vmid);
        matches!(place, Ok(Place::Here { .. }))
    }

    async fn inside(&self, machine: MachineEnding) -> GuestEnding {
        let vmid = self.machine.desired.vmid;
        self.progress.say(
            vmid,
            &format!(
                "{}, then {}, {}, {}",
                Step::WaitForGuestAgent,
                Step::ApplyVolumes,
                Step::ProvisionDeclarativeFiles,
                Step::ApplyVmFeatures
            ),
        );
        let order = self.order(&machine);
        match reconcile(self.context, &order, self.progress).await {
            Ok(inside) => {
                self.tell_dependents(vmid, &inside).await;
                let mut ending = self.of_machine(Stage::Guest, machine);
                ending.outcome = inside.outcome;
                ending.actions_done += inside.actions_done;
                ending.open = inside.open;
                ending.refused = inside.refused;
                ending
            }
            Err(error) => {
                let outcome = match &error {
                    ReconcileError::Lock { .. } => Outcome::Waiting,
                    _ => Outcome::Failed,
                };
                let mut ending =
                    self.without_inside(Stage::Guest, outcome, Chain(&error).to_string());
                ending.actions_done = machine.done.len();
                ending
            }
        }
    }

    fn order(&self, machine: &MachineEnding) -> Order {
        let vmid = self.machine.desired.vmid;
        let is_new = |action: &MachineAction| matches!(action, MachineAction::Clone { .. });
        let usual = Duration::from_secs(self.context.config.hypervisor.agent_wait_seconds);
        // A first boot grows the disk and runs cloud-init before the agent starts.
        let agent_wait = if machine.done.iter().any(is_new) {
            self.deadline
        } else {
            usual.min(self.deadline)
        };
        Order {
            vmid,
            verb: self.machine.verb,
            trigger: format!("phoenix {} {vmid}", self.machine.verb),
            wait_for_others: self.wait_for_others,
            arrives: false,
            portainer: true,
            only_stack: None,
            deadline: self.deadline,
            agent_wait,
        }
    }

    async fn tell_dependents(&self, vmid: Vmid, ending: &Ending) {
        let dependents = wake::wake(self.context, vmid, ending, true).await;
        let queue = Queue::new(&self.context.paths);
        if let Err(error) = wake::request(&queue, &dependents, vmid) {
            tracing::warn!(
                "guests that wait for {vmid} are not told: {}",
                Chain(&error)
            );
        }
    }

    fn of_machine(&self, stage: Stage, machine: MachineEnding) -> GuestEnding {
        GuestEnding {
            vmid: self.machine.desired.vmid,
            stage,
            outcome: machine.outcome,
            actions_done: machine.done.len(),
            open: machine.open,
            findings: machine.findings,
            refused: machine.refused,
        }
    }

    fn without_inside(&self, stage: Stage, outcome: Outcome, reason: String) -> GuestEnding {
        GuestEnding {
            vmid: self.machine.desired.vmid,
            stage,
            outcome,
            actions_done: 0,
            open: vec![reason],
            findings: Vec::new(),
            refused: false,
        }
    }
}
