//! Observe, plan, execute, observe again, until nothing is left to do.

use std::time::{Duration, Instant};

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Docker, Facts, Membership};

use crate::context::Context;
use crate::execute::{ExecuteError, Executor};
use crate::lock::{Lock, LockError, unix_seconds};
use crate::observe;
use crate::plan::action::Action;
use crate::plan::desired::Desired;
use crate::plan::observed::{AgentState, HostState, ObservedGuest};
use crate::plan::{self, Plan};
use crate::progress::Progress;
use crate::record::{self, Outcome, RECORD_VERSION, Record, RecordError, Seen, Step};

/// Who asked for a run, and how long it may wait for others.
#[derive(Debug, Clone)]
pub struct Order {
    pub vmid: Vmid,
    /// For locks and records: `worker`, `run`.
    pub verb: &'static str,
    /// What made the run start, for the record.
    pub trigger: String,
    /// Whether to go on looking while only another guest can move (by hand), or to end and be called again (worker).
    pub wait_for_others: bool,
    /// The guest is on its way to this node (live migration): not being here yet is no reason to end.
    pub arrives: bool,
    pub deadline: Duration,
    /// How long a guest's agent may stay silent.
    pub agent_wait: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ending {
    pub outcome: Outcome,
    /// Why it is not converged, one line each.
    pub open: Vec<String>,
    /// Whether trying again later, without anybody's doing, may help.
    pub retry: bool,
    /// Something was refused for safety.
    pub refused: bool,
    /// The guests that have to move first.
    pub waits_for: Vec<Vmid>,
    /// How many actions were carried out.
    pub actions_done: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("guest {0} is not configured")]
    UnknownGuest(Vmid),
    #[error("another run works on guest {vmid}")]
    Lock { vmid: Vmid, source: LockError },
    #[error("the record of guest {vmid}")]
    Record { vmid: Vmid, source: RecordError },
}

/// Brings one guest to its declared state. The guest's lock is held throughout.
///
/// # Errors
/// The run could not begin or its record not be written; failures of actions are in the [`Ending`].
pub async fn reconcile(
    context: &Context,
    order: &Order,
    progress: &Progress,
) -> Result<Ending, ReconcileError> {
    let vmid = order.vmid;
    let deadline = Deadline::after(order.deadline);
    let path = context.paths.guest_lock(vmid);
    let _lock = Lock::acquire(&path, order.verb, deadline, |holder| {
        progress.say(vmid, &format!("waits for another run: {holder}"));
    })
    .await
    .map_err(|source| ReconcileError::Lock { vmid, source })?;
    let desired = context
        .desired(vmid)
        .ok_or(ReconcileError::UnknownGuest(vmid))?;
    let mut run = Run {
        context,
        order,
        progress,
        deadline,
        agent_deadline: Deadline::after(order.agent_wait),
        desired,
        record: new_record(context, order),
        last_waiting: Vec::new(),
        warnings: Vec::new(),
    };
    run.write_record()?;
    let ending = run.rounds().await?;
    run.close(&ending)?;
    Ok(ending)
}

fn new_record(context: &Context, order: &Order) -> Record {
    let guest = context.config.guests.get(&order.vmid);
    Record {
        version: RECORD_VERSION,
        vmid: order.vmid,
        name: guest.map_or_else(String::new, |guest| guest.name.clone()),
        trigger: order.trigger.clone(),
        started_unix_seconds: unix_seconds(),
        ended_unix_seconds: None,
        outcome: Outcome::Running,
        config_digest: context.config.digest.clone(),
        steps: Vec::new(),
        open: Vec::new(),
        notices: Vec::new(),
        seen: Seen::default(),
    }
}

struct Run<'run> {
    context: &'run Context,
    order: &'run Order,
    progress: &'run Progress,
    deadline: Deadline,
    agent_deadline: Deadline,
    desired: Desired,
    record: Record,
    last_waiting: Vec<String>,
    /// What jobs in guests warned of.
    warnings: Vec<String>,
}

impl Run<'_> {
    async fn rounds(&mut self) -> Result<Ending, ReconcileError> {
        let mut pauses = pauses();
        loop {
            let observed = observe::observe(self.context, &self.desired).await;
            let plan = plan::guest::plan(&self.desired, &observed);
            self.record.seen = seen(&observed);
            self.record.notices = [plan.notices.as_slice(), &self.warnings].concat();
            if let Some(ending) = self.ended(&observed, &plan) {
                return Ok(ending);
            }
            if plan.actions.is_empty() {
                self.say_waiting(&plan);
            } else {
                let done = self.record.steps.len();
                if let Some(ending) = self.execute(&plan).await? {
                    return Ok(ending);
                }
                if self.record.steps[done..]
                    .iter()
                    .all(|step| step.error.is_empty())
                {
                    pauses = self::pauses();
                    continue;
                }
            }
            let pause = pauses.next().unwrap_or(Duration::from_secs(5));
            tokio::time::sleep(pause.min(self.deadline.remaining())).await;
        }
    }

    /// Whether this look at things is the last one.
    fn ended(&self, observed: &ObservedGuest, plan: &Plan) -> Option<Ending> {
        let ending = |outcome, retry| {
            Some(Ending {
                outcome,
                open: open_lines(plan),
                retry,
                refused: plan.blocked.iter().any(|blocked| blocked.refused),
                waits_for: plan
                    .waiting
                    .iter()
                    .filter_map(|waiting| waiting.on)
                    .collect(),
                actions_done: self.done(),
            })
        };
        if plan.is_settled() {
            let outcome = if plan.is_converged() {
                Outcome::Converged
            } else {
                Outcome::Blocked
            };
            return ending(outcome, false);
        }
        if !plan.actions.is_empty() {
            return None;
        }
        let gone = matches!(
            observed.host,
            Observed::Known(HostState::Absent | HostState::OtherNode(_) | HostState::Stopped)
        );
        let may_arrive = self.order.arrives && !self.deadline.has_passed();
        if gone && !may_arrive {
            return ending(Outcome::Failed, false);
        }
        let only_others = plan.waiting.iter().all(|waiting| waiting.on.is_some());
        if only_others && !self.order.wait_for_others {
            return ending(Outcome::Waiting, false);
        }
        let silent = observed.agent.known().is_none() && self.agent_deadline.has_passed();
        if silent || self.deadline.has_passed() {
            return ending(Outcome::Waiting, true);
        }
        None
    }

    fn done(&self) -> usize {
        self.record
            .steps
            .iter()
            .filter(|step| step.error.is_empty())
            .count()
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

    /// Carries out the plan's actions in order. Stacks do not depend on each other: one that fails does not
    /// stop the next; anything else that fails ends the round.
    async fn execute(&mut self, plan: &Plan) -> Result<Option<Ending>, ReconcileError> {
        let mut fatal: Vec<String> = Vec::new();
        for action in &plan.actions {
            let Err(error) = self.step(action).await? else {
                continue;
            };
            if !error.is_retryable() || self.deadline.has_passed() {
                fatal.push(format!("{action}: {}", Chain(&error)));
            }
            if !matches!(action, Action::DeployStack { .. }) {
                break;
            }
        }
        if fatal.is_empty() {
            return Ok(None);
        }
        Ok(Some(Ending {
            outcome: Outcome::Failed,
            open: fatal,
            retry: self.deadline.has_passed(),
            refused: false,
            waits_for: Vec::new(),
            actions_done: self.done(),
        }))
    }

    async fn step(&mut self, action: &Action) -> Result<Result<(), ExecuteError>, ReconcileError> {
        let vmid = self.order.vmid;
        let text = action.to_string();
        self.progress.say(vmid, &text);
        let started = Instant::now();
        let executor = Executor {
            context: self.context,
            progress: self.progress,
            vmid,
            deadline: self.deadline,
        };
        let _swarm = match action.swarm() {
            Some(name) => Some(self.lock_swarm(name).await?),
            None => None,
        };
        let result = executor.execute(action).await;
        let error = match &result {
            Ok(report) => {
                self.warnings.extend(report.warnings.iter().cloned());
                String::new()
            }
            Err(error) => {
                let text = Chain(error).to_string();
                self.progress.say(vmid, &format!("failed: {text}"));
                text
            }
        };
        self.record.steps.push(Step {
            action: text,
            error,
            milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        self.write_record()?;
        Ok(result.map(|_| ()))
    }

    async fn lock_swarm(&self, name: &str) -> Result<Lock, ReconcileError> {
        let vmid = self.order.vmid;
        let path = self.context.paths.swarm_lock(name);
        Lock::acquire(&path, self.order.verb, self.deadline, |holder| {
            self.progress
                .now(vmid, &format!("waits for Swarm {name}: {holder}"));
        })
        .await
        .map_err(|source| ReconcileError::Lock { vmid, source })
    }

    fn write_record(&self) -> Result<(), ReconcileError> {
        let vmid = self.order.vmid;
        record::write(&self.context.paths, &self.record)
            .map_err(|source| ReconcileError::Record { vmid, source })
    }

    fn close(&mut self, ending: &Ending) -> Result<(), ReconcileError> {
        self.record.ended_unix_seconds = Some(unix_seconds());
        self.record.outcome = ending.outcome;
        self.record.open.clone_from(&ending.open);
        self.write_record()
    }
}

fn pauses() -> Backoff {
    Backoff::new(Duration::from_millis(100), Duration::from_secs(3))
}

/// Why a plan is not converged, one line each.
pub fn open_lines(plan: &Plan) -> Vec<String> {
    let blocked = plan
        .blocked
        .iter()
        .map(|blocked| format!("{}: {}", blocked.what, blocked.reason));
    let waiting = plan.waiting.iter().map(|waiting| match waiting.on {
        Some(vmid) => format!("waits for guest {vmid}: {}", waiting.reason),
        None => format!("waits: {}", waiting.reason),
    });
    blocked.chain(waiting).collect()
}

fn seen(observed: &ObservedGuest) -> Seen {
    let Observed::Known(AgentState::Present(facts)) = &observed.agent else {
        return Seen::default();
    };
    let Facts {
        agent_version,
        boot_id,
        ..
    } = facts.as_ref();
    let (docker_version, swarm) = match &facts.docker {
        Observed::Known(Docker::Running { version, swarm, .. }) => {
            (version.clone(), membership_word(swarm).to_owned())
        }
        Observed::Known(Docker::NotInstalled) => ("not installed".to_owned(), String::new()),
        Observed::Known(Docker::Stopped) => ("stopped".to_owned(), String::new()),
        Observed::Unknown(_) => (String::new(), String::new()),
    };
    Seen {
        agent_version: agent_version.clone(),
        docker_version,
        swarm,
        boot_id: boot_id.clone(),
    }
}

fn membership_word(membership: &Membership) -> &'static str {
    match membership {
        Membership::Inactive => "inactive",
        Membership::Pending => "pending",
        Membership::Locked => "locked",
        Membership::Error { .. } => "error",
        Membership::Worker { .. } => "worker",
        Membership::Manager { .. } => "manager",
    }
}
