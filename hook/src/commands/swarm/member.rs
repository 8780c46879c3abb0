//! Makes one guest a member of its Swarm: what a run would do for it, up to the Swarm and no stacks.

use std::time::Duration;

use phoenix_common::observed::Observed;
use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::vmid::Vmid;

use super::failure;
use super::lock::lock;
use crate::commands::{block_on, complain, print_line};
use crate::context::Context;
use crate::execute::Executor;
use crate::exit_code::Exit;
use crate::lock::Lock;
use crate::observe::observe;
use crate::plan::action::Action;
use crate::plan::desired::Desired;
use crate::plan::observed::{HostState, ObservedGuest};
use crate::plan::{Plan, guest};
use crate::progress::Progress;
use crate::reconcile::open_lines;

/// How the guest becomes a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It starts the Swarm, though other manager guests have not been seen.
    Init,
    /// It joins the one that is there.
    Join,
}

impl Way {
    fn verb(self) -> &'static str {
        match self {
            Self::Init => "swarm init",
            Self::Join => "swarm join",
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum MemberError {
    #[error("guest {0} is declared in no Swarm: give it a swarm_role")]
    NoMember(Vmid),
    #[error(
        "guest {vmid} is declared as a worker of Swarm {swarm}: init is for a manager ({managers})"
    )]
    NoManager {
        vmid: Vmid,
        swarm: String,
        managers: String,
    },
    #[error(
        "guest {other} is a manager of a cluster already: phoenix swarm join {vmid} brings guest {vmid} into it"
    )]
    ClusterExists { vmid: Vmid, other: Vmid },
    #[error(
        "no manager guest of Swarm {swarm} is in a cluster yet: phoenix swarm init {vmid} starts one here"
    )]
    NoCluster { vmid: Vmid, swarm: String },
}

/// Runs the verb for a guest; what became of it is told.
pub(super) fn run(context: &Context, vmid: Vmid, way: Way) -> Exit {
    let Some(desired) = desired(context, vmid) else {
        complain(&MemberError::NoMember(vmid));
        return Exit::Usage;
    };
    if let Some(error) = unfit(vmid, &desired, way) {
        complain(&error);
        return Exit::Usage;
    }
    let progress = Progress::for_operator();
    let deadline = Duration::from_secs(context.config.hypervisor.converge_deadline_seconds);
    let mut entry = Entry {
        context,
        vmid,
        way,
        desired,
        progress: &progress,
        deadline: Deadline::after(deadline),
        steps: 0,
        warned: false,
    };
    let result = block_on(entry.run());
    progress.finish();
    result.unwrap_or_else(|exit| exit)
}

/// The guest without its stacks; `None` when it is in no Swarm.
fn desired(context: &Context, vmid: Vmid) -> Option<Desired> {
    let mut desired = context.desired(vmid)?;
    desired.swarm.as_ref()?;
    desired.stacks.clear();
    Some(desired)
}

fn unfit(vmid: Vmid, desired: &Desired, way: Way) -> Option<MemberError> {
    let swarm = desired.swarm.as_ref()?;
    if way == Way::Join || swarm.managers.contains(&vmid) {
        return None;
    }
    let managers: Vec<String> = swarm.managers.iter().map(ToString::to_string).collect();
    Some(MemberError::NoManager {
        vmid,
        swarm: swarm.name.clone(),
        managers: managers.join(", "),
    })
}

struct Entry<'run> {
    context: &'run Context,
    vmid: Vmid,
    way: Way,
    desired: Desired,
    progress: &'run Progress,
    deadline: Deadline,
    steps: usize,
    /// Whether the managers that were not seen have been named.
    warned: bool,
}

impl Entry<'_> {
    async fn run(&mut self) -> Result<Exit, Exit> {
        let path = self.context.paths.guest_lock(self.vmid);
        let told = |holder: &str| {
            self.progress
                .say(self.vmid, &format!("waits for another run: {holder}"));
        };
        let _lock = Lock::acquire(&path, self.way.verb(), self.deadline, told)
            .await
            .map_err(|error| {
                complain(&error);
                Exit::DeadlinePassed
            })?;
        let mut pauses = Backoff::new(Duration::from_millis(100), Duration::from_secs(3));
        loop {
            let (mut observed, mut plan) = self.look().await?;
            let _lock = match plan.actions.iter().find_map(Action::swarm) {
                Some(swarm) => {
                    let verb = self.way.verb();
                    let lock = lock(self.context, swarm, verb, self.deadline, self.progress);
                    let lock = lock.await?;
                    // Another run may have changed the Swarm meanwhile.
                    (observed, plan) = self.look().await?;
                    Some(lock)
                }
                None => None,
            };
            if let Some(exit) = self.ended(&observed, &plan) {
                return exit;
            }
            self.execute(&plan).await?;
            let pause = pauses.next().unwrap_or_default();
            tokio::time::sleep(pause.min(self.deadline.remaining())).await;
        }
    }

    async fn look(&mut self) -> Result<(ObservedGuest, Plan), Exit> {
        let mut observed = observe(self.context, &self.desired).await;
        if self.way == Way::Init {
            self.look_past_others(&mut observed)?;
        }
        let plan = guest::plan(&self.desired, &observed);
        Ok((observed, plan))
    }

    /// Takes manager guests that were not seen for guests that are in no Swarm: the operator says so.
    fn look_past_others(&mut self, observed: &mut ObservedGuest) -> Result<(), Exit> {
        let vmid = self.vmid;
        let Some(seen) = &mut observed.swarm else {
            return Ok(());
        };
        let clusters = seen.clusters();
        let own = clusters.iter().any(|(member, _)| *member == vmid);
        if let Some((other, _)) = clusters.first().filter(|_| !own) {
            let other = *other;
            complain(&MemberError::ClusterExists { vmid, other });
            return Err(Exit::Refused);
        }
        for (other, state) in &mut seen.managers {
            if *other == vmid || own {
                continue;
            }
            if let (Observed::Unknown(reason), false) = (&*state, self.warned) {
                let text = format!(
                    "manager guest {other} was not seen ({reason}): should it be in a Swarm, there will be two"
                );
                self.progress.say(vmid, &text);
            }
            *state = Observed::Known(None);
        }
        self.warned = true;
        Ok(())
    }

    /// Whether there is nothing more to be done here, and how that ends.
    fn ended(&self, observed: &ObservedGuest, plan: &Plan) -> Option<Result<Exit, Exit>> {
        let starts_one = |action: &Action| matches!(action, Action::SwarmInit { .. });
        if self.way == Way::Join && plan.actions.iter().any(starts_one) {
            let swarm = self.desired.swarm.as_ref();
            complain(&MemberError::NoCluster {
                vmid: self.vmid,
                swarm: swarm.map(|swarm| swarm.name.clone()).unwrap_or_default(),
            });
            return Some(Err(Exit::Failed));
        }
        if plan.is_converged() {
            self.say_done();
            return Some(Ok(Exit::Converged));
        }
        if !plan.actions.is_empty() {
            return None;
        }
        let exit = if plan.is_settled() && plan.blocked.iter().any(|blocked| blocked.refused) {
            Exit::Refused
        } else if plan.is_settled() || is_off(observed) {
            Exit::Failed
        } else if plan.waiting.iter().any(|waiting| waiting.on.is_some())
            || self.deadline.has_passed()
        {
            Exit::DeadlinePassed
        } else {
            return None;
        };
        self.progress.finish();
        for line in open_lines(plan) {
            self.progress.note(&format!("{}: {line}", self.vmid));
        }
        Some(Err(exit))
    }

    fn say_done(&self) {
        let swarm = self.desired.swarm.as_ref();
        let swarm = swarm.map_or("", |swarm| swarm.name.as_str());
        let vmid = self.vmid;
        print_line(&match self.steps {
            0 => {
                format!("{vmid}: a member of Swarm {swarm} already, nothing to do, nothing written")
            }
            _ => format!("{vmid}: is a member of Swarm {swarm} now"),
        });
    }

    async fn execute(&mut self, plan: &Plan) -> Result<(), Exit> {
        for action in &plan.actions {
            self.progress.say(self.vmid, &action.to_string());
            let executor = Executor {
                context: self.context,
                progress: self.progress,
                vmid: self.vmid,
                deadline: self.deadline,
            };
            match executor.execute(action).await {
                Ok(_) => self.steps += 1,
                Err(error) if error.is_retryable() && !self.deadline.has_passed() => {
                    let text = format!("failed: {}", phoenix_common::log::Chain(&error));
                    self.progress.say(self.vmid, &text);
                    return Ok(());
                }
                Err(error) => {
                    self.progress.finish();
                    return Err(failure::tell(&error));
                }
            }
        }
        Ok(())
    }
}

fn is_off(observed: &ObservedGuest) -> bool {
    matches!(
        observed.host,
        Observed::Known(
            HostState::Absent
                | HostState::OtherNode(_)
                | HostState::Stopped
                | HostState::Unsupported(_)
        )
    )
}
