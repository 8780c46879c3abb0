//! One machine: look, plan, carry out, look again, until nothing is left to do.

use std::time::Duration;

use phoenix_common::log::Chain;
use phoenix_common::retry::{Backoff, Deadline};

use crate::context::Context;
use crate::execute::MachineExecutor;
use crate::lock::{Lock, LockError};
use crate::observe::machine_state;
use crate::plan::machine::action::{MachineAction, Step};
use crate::plan::machine::desired::MachineDesired;
use crate::plan::machine::{MachinePlan, plan};
use crate::progress::Progress;
use crate::pve::api::{ApiError, Pve};
use crate::record::Outcome;

/// How often the same step may succeed and be planned again.
const REPEATS: usize = 2;
const START_TAKES_EFFECT: Duration = Duration::from_mins(1);

/// What a run on one machine works with.
#[derive(Debug)]
pub struct MachineRun<'run> {
    pub context: &'run Context,
    pub pve: &'run Pve,
    pub progress: &'run Progress,
    pub desired: MachineDesired,
    /// For the lock: `create`, `converge`.
    pub verb: &'static str,
    /// How long to wait while nothing moves: for locks, for nodes that are away.
    pub patience: Duration,
}

/// How it ended.
#[derive(Debug)]
pub struct MachineEnding {
    pub outcome: Outcome,
    /// Why it is not converged, one line each.
    pub open: Vec<String>,
    /// Differences that were left alone.
    pub findings: Vec<String>,
    pub refused: bool,
    pub done: Vec<MachineAction>,
}

impl MachineRun<'_> {
    /// What there is to do now.
    ///
    /// # Errors
    /// Proxmox does not show the machine.
    pub async fn plan(&self) -> Result<MachinePlan, ApiError> {
        let observed = machine_state(self.context, self.pve, &self.desired).await?;
        Ok(plan(&self.desired, &observed))
    }

    /// Makes the machine what it shall be. The guest's lock is held throughout.
    ///
    /// # Errors
    /// Another run holds the guest. Failures are in the ending: what was done until then stays, and the next run goes on
    /// from there.
    pub async fn bring_up(&self) -> Result<MachineEnding, LockError> {
        let vmid = self.desired.vmid;
        let path = self.context.paths.guest_lock(vmid);
        let deadline = Deadline::after(self.patience);
        let _lock = Lock::acquire(&path, self.verb, deadline, |holder| {
            self.progress
                .say(vmid, &format!("waits for another run: {holder}"));
        })
        .await?;
        Ok(self.rounds().await)
    }

    async fn rounds(&self) -> MachineEnding {
        let mut done: Vec<MachineAction> = Vec::new();
        let mut progress = Moving::new(self.patience);
        let mut told = String::new();
        loop {
            let plan = match self.plan().await {
                Ok(plan) => plan,
                Err(error) => return failed(&error, done),
            };
            if plan.actions.is_empty() && plan.waiting.is_empty() {
                return settled(plan, done);
            }
            if let Some(action) = goes_in_circles(&plan, &done) {
                let again = format!("was done and comes back each time: {action}");
                return ended(Outcome::Failed, vec![again], plan, done);
            }
            let reason = match self.step_forward(&plan, &mut done, &mut progress).await {
                Ok(None) => continue,
                Ok(Some(reason)) => reason,
                Err(error) if error.is_transient() => Chain(&error).to_string(),
                Err(error) => return failed(&error, done),
            };
            if progress.deadline.has_passed() {
                return ended(Outcome::Waiting, vec![reason], plan, done);
            }
            if told != reason {
                self.progress
                    .say(self.desired.vmid, &format!("waits: {reason}"));
                told = reason;
            }
            progress.pause().await;
        }
    }

    /// Carries out what is to do; else what is waited for.
    async fn step_forward(
        &self,
        plan: &MachinePlan,
        done: &mut Vec<MachineAction>,
        progress: &mut Moving,
    ) -> Result<Option<String>, ApiError> {
        if plan.actions.is_empty() {
            return Ok(Some(plan.waiting.join("; ")));
        }
        // The cluster starts guests with high availability a while after it was asked to.
        if let [start @ MachineAction::Start { .. }] = plan.actions.as_slice()
            && done.last() == Some(start)
            && !progress.start_takes_effect.has_passed()
        {
            return Ok(Some("it was started and does not run yet".to_owned()));
        }
        self.carry_out(plan, done).await?;
        *progress = Moving::new(self.patience);
        Ok(None)
    }

    async fn carry_out(
        &self,
        plan: &MachinePlan,
        done: &mut Vec<MachineAction>,
    ) -> Result<(), ApiError> {
        let executor = MachineExecutor {
            pve: self.pve,
            progress: self.progress,
        };
        let vmid = self.desired.vmid;
        let mut last: Option<Step> = None;
        for action in &plan.actions {
            let step = action.step();
            if last != Some(step) {
                tracing::info!(vmid = vmid.get(), step = step.name(), "{step}");
                last = Some(step);
            }
            self.progress.say(vmid, &format!("{step}: {action}"));
            executor.execute(action).await?;
            done.push(action.clone());
        }
        Ok(())
    }
}

/// How long to go on since the last step.
struct Moving {
    deadline: Deadline,
    start_takes_effect: Deadline,
    pauses: Backoff,
}

impl Moving {
    fn new(patience: Duration) -> Self {
        Self {
            deadline: Deadline::after(patience),
            start_takes_effect: Deadline::after(START_TAKES_EFFECT),
            pauses: Backoff::new(Duration::from_millis(200), Duration::from_secs(3)),
        }
    }

    async fn pause(&mut self) {
        let pause = self.pauses.next().unwrap_or(Duration::from_secs(3));
        tokio::time::sleep(pause.min(self.deadline.remaining())).await;
    }
}

fn failed(error: &ApiError, done: Vec<MachineAction>) -> MachineEnding {
    let reason = Chain(error).to_string();
    ended(Outcome::Failed, vec![reason], MachinePlan::default(), done)
}

fn settled(plan: MachinePlan, done: Vec<MachineAction>) -> MachineEnding {
    if plan.blocked.is_empty() {
        return ended(Outcome::Converged, Vec::new(), plan, done);
    }
    let open = plan
        .blocked
        .iter()
        .map(|blocked| format!("{}: {}", blocked.what, blocked.reason))
        .collect();
    ended(Outcome::Blocked, open, plan, done)
}

fn ended(
    outcome: Outcome,
    open: Vec<String>,
    plan: MachinePlan,
    done: Vec<MachineAction>,
) -> MachineEnding {
    MachineEnding {
        outcome,
        open,
        refused: plan.blocked.iter().any(|blocked| blocked.refused),
        findings: plan.findings,
        done,
    }
}

/// A step that succeeded again and again and is planned once more.
fn goes_in_circles<'plan>(
    plan: &'plan MachinePlan,
    done: &[MachineAction],
) -> Option<&'plan MachineAction> {
    let times = |action: &MachineAction| done.iter().filter(|done| *done == action).count();
    plan.actions.iter().find(|action| times(action) > REPEATS)
}
