//! One run: the rounds, and when they end.

use std::time::{Duration, Instant};

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::retry::{Backoff, Deadline};

use super::portainer::{self, PortainerOrder};
use super::seen::seen;
use super::stalled::Stalled;
use super::{Ending, Order, ReconcileError, open_lines};
use crate::context::Context;
use crate::lock::{Lock, LockError, unix_seconds};
use crate::observe;
use crate::plan::action::Action;
use crate::plan::desired::Desired;
use crate::plan::observed::{HostState, ObservedGuest};
use crate::plan::{self, Plan};
use crate::progress::Progress;
use crate::record::{self, Outcome, Record};

pub(super) struct Run<'run> {
    pub(super) context: &'run Context,
    pub(super) order: &'run Order,
    pub(super) progress: &'run Progress,
    pub(super) deadline: Deadline,
    pub(super) agent_deadline: Deadline,
    pub(super) desired: Desired,
    pub(super) record: Record,
    pub(super) last_waiting: Vec<String>,
    /// What jobs in guests warned of.
    pub(super) warnings: Vec<String>,
    pub(super) stalled: Stalled,
    /// Held from before the look that a Swarm action was decided by until it has been carried out.
    pub(super) swarm_lock: Option<Lock>,
}

impl Run<'_> {
    pub(super) async fn rounds(&mut self) -> Result<Ending, ReconcileError> {
        let mut pauses = pauses();
        loop {
            let (observed, plan) = self.look().await;
            if let Some(ending) = self.ended(&observed, &plan) {
                return Ok(ending);
            }
            let swarm = plan.actions.iter().find_map(Action::swarm);
            if let (Some(swarm), None) = (swarm, &self.swarm_lock) {
                match self.lock_swarm(swarm).await {
                    // What was decided without the lock may be old by now.
                    Ok(lock) => self.swarm_lock = Some(lock),
                    Err(error) => return Ok(self.held_up(&error)),
                }
                continue;
            }
            if plan.actions.is_empty() {
                self.say_waiting(&plan);
            } else {
                let done = self.record.steps.len();
                if let Some(ending) = self.execute(&plan).await? {
                    return Ok(ending);
                }
                let steps = &self.record.steps[done..];
                if steps.iter().all(|step| step.error.is_empty()) {
                    self.stalled.carried_out(&plan);
                    pauses = self::pauses();
                }
            }
            self.swarm_lock = None;
            let pause = pauses.next().unwrap_or(Duration::from_secs(3));
            tokio::time::sleep(pause.min(self.deadline.remaining())).await;
        }
    }

    /// The guest's part of Portainer, after all else: its environment and its stacks.
    pub(super) async fn portainer(&mut self, ending: &mut Ending) {
        let vmid = self.order.vmid;
        let Some(desired) = self.context.portainer() else {
            return;
        };
        let desired = desired.of_guest(vmid);
        if desired.environments.is_empty() {
            return;
        }
        let order = PortainerOrder {
            context: self.context,
            desired,
            verb: self.order.verb,
            vmid: Some(vmid),
            progress: self.progress,
            wait_for_others: self.order.wait_for_others,
            deadline: self.deadline,
        };
        let part = portainer::bring(&order).await;
        ending.actions_tried += part.steps.len();
        ending.actions_done += part
            .steps
            .iter()
            .filter(|step| step.error.is_empty())
            .count();
        self.record.steps.extend(part.steps);
        ending.open.extend(part.open);
        ending.waits_for.extend(part.waits_for);
        ending.refused |= part.refused;
        ending.retry |= part.retry;
        if part.outcome != Outcome::Converged {
            ending.outcome = part.outcome;
        }
    }

    async fn look(&mut self) -> (ObservedGuest, Plan) {
        let observed = observe::observe(self.context, &self.desired).await;
        let plan = plan::guest::plan(&self.desired, &observed);
        self.record.seen = seen(&observed, &self.desired, &self.record.seen);
        self.record.notices = [plan.notices.as_slice(), &self.warnings].concat();
        // The agent may be silent for as long each time: a guest that boots anew, a backup that holds it.
        if observed.agent.known().is_some() || !observed.runs() {
            self.agent_deadline = Deadline::after(self.order.agent_wait);
        }
        (observed, plan)
    }

    /// Whether this look at things is the last one.
    fn ended(&mut self, observed: &ObservedGuest, plan: &Plan) -> Option<Ending> {
        if plan.is_settled() {
            let outcome = if plan.is_converged() {
                Outcome::Converged
            } else {
                Outcome::Blocked
            };
            return Some(self.ending(outcome, plan, false));
        }
        if self.stalled.goes_in_circles(plan) {
            return Some(self.circle(plan));
        }
        if self.deadline.has_passed() {
            return Some(self.ending(Outcome::Waiting, plan, true));
        }
        if !plan.actions.is_empty() {
            return None;
        }
        let gone = matches!(
            observed.host,
            Observed::Known(HostState::Absent | HostState::OtherNode(_) | HostState::Stopped)
        );
        if gone && !self.order.arrives {
            return Some(self.ending(Outcome::Failed, plan, false));
        }
        let only_others = plan.waiting.iter().all(|waiting| waiting.on.is_some());
        if only_others && !self.order.wait_for_others {
            return Some(self.ending(Outcome::Waiting, plan, false));
        }
        let silent = observed.agent.known().is_none() && self.agent_deadline.has_passed();
        if silent || self.stalled.waited_enough(plan, Instant::now()) {
            return Some(self.ending(Outcome::Waiting, plan, true));
        }
        None
    }

    pub(super) fn ending(&self, outcome: Outcome, plan: &Plan, retry: bool) -> Ending {
        let undone = plan
            .actions
            .iter()
            .map(|action| format!("not done: {action}"));
        let steps = &self.record.steps;
        Ending {
            outcome,
            open: open_lines(plan).into_iter().chain(undone).collect(),
            retry,
            refused: plan.blocked.iter().any(|blocked| blocked.refused),
            waits_for: plan
                .waiting
                .iter()
                .filter_map(|waiting| waiting.on)
                .collect(),
            actions_done: steps.iter().filter(|step| step.error.is_empty()).count(),
            actions_tried: steps.len(),
        }
    }

    fn circle(&self, plan: &Plan) -> Ending {
        let mut ending = self.ending(Outcome::Failed, &Plan::default(), false);
        let again = |action: &Action| format!("was done and comes back each time: {action}");
        ending.open = plan.actions.iter().map(again).collect();
        ending
    }

    fn held_up(&self, error: &LockError) -> Ending {
        let mut ending = self.ending(Outcome::Waiting, &Plan::default(), true);
        ending.open = vec![Chain(error).to_string()];
        ending
    }

    fn say_waiting(&mut self, plan: &Plan) {
        let waiting = open_lines(plan);
        if waiting != self.last_waiting {
            for line in &waiting {
                self.progress.now(self.order.vmid, line);
            }
            self.last_waiting = waiting;
        }
    }

    async fn lock_swarm(&self, name: &str) -> Result<Lock, LockError> {
        let vmid = self.order.vmid;
        let path = self.context.paths.swarm_lock(name);
        Lock::acquire(&path, self.order.verb, self.deadline, |holder| {
            self.progress
                .now(vmid, &format!("waits for Swarm {name}: {holder}"));
        })
        .await
    }

    pub(super) fn write_record(&self) -> Result<(), ReconcileError> {
        let vmid = self.order.vmid;
        record::write(&self.context.paths, &self.record)
            .map_err(|source| ReconcileError::Record { vmid, source })
    }

    pub(super) fn close(&mut self, ending: &Ending) -> Result<(), ReconcileError> {
        self.record.ended_unix_seconds = Some(unix_seconds());
        self.record.outcome = ending.outcome;
        self.record.open.clone_from(&ending.open);
        self.write_record()
    }
}

fn pauses() -> Backoff {
    Backoff::new(Duration::from_millis(100), Duration::from_secs(3))
}
