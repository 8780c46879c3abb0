//! The rounds for Portainer: look, plan, write, look again, for all of its environments or for one guest's part.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use phoenix_common::log::Chain;
use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::vmid::Vmid;

use crate::context::Context;
use crate::execute::portainer::{PortainerExecutor, PortainerStepError};
use crate::lock::{Lock, LockError};
use crate::observe::portainer::observe;
use crate::plan::portainer::action::PortainerAction;
use crate::plan::portainer::desired::PortainerDesired;
use crate::plan::portainer::{self, PortainerPlan};
use crate::portainer::Session;
use crate::progress::Progress;
use crate::record::{Outcome, Step};

/// How often the same action may come back in one run, failed or not.
const TRIES: usize = 3;

/// Who asked, for what, and how long it may take.
#[derive(Debug)]
pub struct PortainerOrder<'run> {
    pub context: &'run Context,
    pub desired: PortainerDesired,
    /// For the lock: `worker`, `sync`.
    pub verb: &'static str,
    /// The guest whose run this is a part of; `None`: all guests.
    pub vmid: Option<Vmid>,
    pub progress: &'run Progress,
    pub wait_for_others: bool,
    pub deadline: Deadline,
}

/// How it ended.
#[derive(Debug)]
pub struct PortainerEnding {
    pub outcome: Outcome,
    pub steps: Vec<Step>,
    /// Why it is not converged, one line each.
    pub open: Vec<String>,
    /// Stacks that are not as declared.
    pub failed_stacks: Vec<String>,
    pub waits_for: Vec<Vmid>,
    pub refused: bool,
    /// Whether trying again later may help.
    pub retry: bool,
}

impl PortainerEnding {
    /// Nothing was to be done.
    pub fn converged() -> Self {
        Self {
            outcome: Outcome::Converged,
            steps: Vec::new(),
            open: Vec::new(),
            failed_stacks: Vec::new(),
            waits_for: Vec::new(),
            refused: false,
            retry: false,
        }
    }
}

/// Brings Portainer to what is declared. Its lock is held while something is written, not while waiting.
pub async fn bring(order: &PortainerOrder<'_>) -> PortainerEnding {
    let mut rounds = Rounds {
        order,
        session: None,
        steps: Vec::new(),
        tries: BTreeMap::new(),
        failed: BTreeMap::new(),
        waited_since: None,
    };
    rounds.run().await
}

struct Rounds<'run> {
    order: &'run PortainerOrder<'run>,
    session: Option<Session>,
    steps: Vec<Step>,
    tries: BTreeMap<String, usize>,
    /// Actions that are not tried any more, by their text; with the stack they are about.
    failed: BTreeMap<String, (Option<String>, String)>,
    waited_since: Option<(Vec<String>, Instant)>,
}

impl Rounds<'_> {
    async fn run(&mut self) -> PortainerEnding {
        let mut lock = None;
        let mut pauses = Backoff::new(Duration::from_millis(200), Duration::from_secs(3));
        loop {
            let plan = self.look().await;
            let to_do = plan.actions.iter().any(|action| self.may_try(action));
            if !to_do && (plan.waiting.is_empty() || self.gives_up(&plan)) {
                return self.ending(&plan);
            }
            if self.order.deadline.has_passed() {
                return self.ending(&plan);
            }
            if !to_do {
                lock = None;
                let pause = pauses.next().unwrap_or(Duration::from_secs(3));
                tokio::time::sleep(pause.min(self.order.deadline.remaining())).await;
                continue;
            }
            if lock.is_none() {
                match self.lock().await {
                    // What was decided without the lock may be old by now, and so may be the key.
                    Ok(held) => {
                        lock = Some(held);
                        self.session = None;
                    }
                    Err(error) => return self.held_up(&plan, &error),
                }
                continue;
            }
            for action in &plan.actions {
                if self.may_try(action) && !self.step(action).await {
                    break;
                }
            }
        }
    }

    async fn look(&mut self) -> PortainerPlan {
        let order = self.order;
        let observed = observe(order.context, &order.desired, &mut self.session).await;
        portainer::plan(&order.desired, &observed)
    }

    fn may_try(&self, action: &PortainerAction) -> bool {
        !self.failed.contains_key(&key(action))
    }

    /// Carries out one action; false: what follows in the plan is not tried before another look.
    async fn step(&mut self, action: &PortainerAction) -> bool {
        let text = action.to_string();
        match self.order.vmid {
            Some(vmid) => self.order.progress.say(vmid, &text),
            None => self.order.progress.note(&text),
        }
        let started = Instant::now();
        let Some(session) = self.session.as_mut() else {
            return false;
        };
        let mut executor = PortainerExecutor {
            context: self.order.context,
            session,
            progress: self.order.progress,
            deadline: self.order.deadline,
        };
        let result = executor.execute(action).await;
        self.note(action, result.as_ref().err());
        let error = result
            .as_ref()
            .map_or_else(|error| Chain(error).to_string(), |()| String::new());
        self.steps.push(Step {
            action: text,
            error,
            milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        // Stacks do not depend on each other; a key and environments come before them.
        result.is_ok() || action.stack().is_some()
    }

    fn note(&mut self, action: &PortainerAction, error: Option<&PortainerStepError>) {
        let key = key(action);
        let tries = self.tries.entry(key.clone()).or_default();
        *tries += 1;
        let given_up = *tries >= TRIES;
        let why = match error {
            Some(error) if given_up || !error.is_retryable() => Chain(error).to_string(),
            // Next time it may not come back: then this is not looked at.
            None if *tries > TRIES => "was done and comes back each time".to_owned(),
            _ => return,
        };
        let stack = action.stack().map(str::to_owned);
        self.failed.insert(key, (stack, why));
    }

    /// Nothing moves any more, or only another guest can.
    fn gives_up(&mut self, plan: &PortainerPlan) -> bool {
        let others = plan.waiting.iter().all(|waiting| self.is_other(waiting.on));
        if others && !self.order.wait_for_others {
            return true;
        }
        let reasons: Vec<String> = plan
            .waiting
            .iter()
            .map(|waiting| waiting.reason.clone())
            .collect();
        let now = Instant::now();
        let since = match &self.waited_since {
            Some((known, since)) if *known == reasons => *since,
            _ => {
                self.waited_since = Some((reasons, now));
                now
            }
        };
        let patience = plan.waiting.iter().map(|waiting| waiting.patience_seconds);
        let longest = patience.collect::<Option<Vec<u64>>>();
        let longest = longest.and_then(|patience| patience.into_iter().max());
        longest.is_some_and(|seconds| now.duration_since(since) >= Duration::from_secs(seconds))
    }

    fn is_other(&self, on: Option<Vmid>) -> bool {
        on.is_some() && on != self.order.vmid
    }

    async fn lock(&self) -> Result<Lock, LockError> {
        let order = self.order;
        let path = order.context.paths.portainer_lock();
        Lock::acquire(&path, order.verb, order.deadline, |holder| {
            order
                .progress
                .note(&format!("waits for Portainer: {holder}"));
        })
        .await
    }

    fn held_up(&self, plan: &PortainerPlan, error: &LockError) -> PortainerEnding {
        let mut ending = self.ending(plan);
        ending.outcome = Outcome::Waiting;
        ending.retry = true;
        ending.open.push(Chain(error).to_string());
        ending
    }

    fn ending(&self, plan: &PortainerPlan) -> PortainerEnding {
        let failures = self
            .failed
            .iter()
            .map(|(action, (_, why))| format!("{action}: {why}"));
        let undone = plan.actions.iter().filter(|action| self.may_try(action));
        let undone = undone.map(|action| format!("not done: {action}"));
        let open: Vec<String> = failures.chain(lines(plan)).chain(undone).collect();
        let outcome = if !self.failed.is_empty() {
            Outcome::Failed
        } else if plan.is_converged() {
            Outcome::Converged
        } else if plan.is_settled() {
            Outcome::Blocked
        } else {
            Outcome::Waiting
        };
        PortainerEnding {
            outcome,
            steps: self.steps.clone(),
            open,
            failed_stacks: self.failed_stacks(plan),
            waits_for: plan
                .waiting
                .iter()
                .filter_map(|waiting| waiting.on)
                .collect(),
            refused: plan.blocked.iter().any(|blocked| blocked.refused),
            retry: !plan.waiting.is_empty(),
        }
    }

    /// By name: what failed, what is blocked and what was not reached.
    fn failed_stacks(&self, plan: &PortainerPlan) -> Vec<String> {
        let failed = self.failed.values().filter_map(|(stack, _)| stack.clone());
        let undone = plan
            .actions
            .iter()
            .filter_map(|action| action.stack().map(str::to_owned));
        let blocked = plan.blocked.iter().map(|blocked| blocked.what.as_str());
        let waiting = plan.waiting.iter().map(|waiting| waiting.reason.as_str());
        let named = blocked.chain(waiting).filter_map(|text| {
            let name = text.strip_prefix("stack ")?;
            Some(name.split(':').next().unwrap_or(name).to_owned())
        });
        let mut stacks: Vec<String> = failed.chain(undone).chain(named).collect();
        stacks.sort();
        stacks.dedup();
        stacks
    }
}

/// An action and its repetition: why it is done may differ from look to look.
fn key(action: &PortainerAction) -> String {
    let text = action.to_string();
    match action {
        PortainerAction::UpdateStack { name, .. } => format!("update stack {name}"),
        PortainerAction::UpdateEnvironment { name, .. } => format!("mend environment {name}"),
        _ => text,
    }
}

/// Why a plan is not converged, one line each.
pub fn lines(plan: &PortainerPlan) -> Vec<String> {
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
