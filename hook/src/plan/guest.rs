//! The whole plan of one guest: infrastructure layer first, then Swarm, then stacks.

use phoenix_common::observed::Observed;
use phoenix_common::wire::{CloudInit, Docker, Facts, PROTOCOL_VERSION};

use super::action::Action;
use super::agent::{AgentVerdict, judge_agent, judge_version};
use super::desired::Desired;
use super::observed::{AgentState, HostState, ObservedGuest};
use super::{Blocked, Plan, Waiting, instance, stacks, swarm};

/// Decides what brings the guest from `observed` to `desired`. A stage that is not done yet ends the plan:
/// what comes after it is decided when it has been observed anew.
pub fn plan(desired: &Desired, observed: &ObservedGuest) -> Plan {
    let mut plan = Plan::default();
    plan.blocked.extend(desired.problems.iter().cloned());
    plan.notices.extend(desired.notices.iter().cloned());
    for key in &desired.unhandled {
        plan.notices
            .push(format!("{key}: declared, not handled by this version"));
    }
    if let Some(facts) = guest_answers(desired, observed, &mut plan) {
        let docker_runs = infrastructure(desired, observed, facts, &mut plan);
        if docker_runs {
            instance::plan(desired, observed, &mut plan);
        }
        if docker_runs && swarm::plan(desired, observed, facts, &mut plan) {
            stacks::plan(desired, observed, &mut plan);
        }
    }
    plan
}

fn wait(plan: &mut Plan, reason: impl Into<String>) {
    plan.waiting.push(Waiting {
        on: None,
        reason: reason.into(),
        patience_seconds: None,
    });
}

/// The guest runs and an agent that speaks our protocol answers in it.
fn guest_answers<'observed>(
    desired: &Desired,
    observed: &'observed ObservedGuest,
    plan: &mut Plan,
) -> Option<&'observed Facts> {
    match &observed.host {
        Observed::Known(HostState::Running) => {}
        Observed::Known(HostState::Unsupported(what)) => {
            plan.blocked.push(Blocked {
                what: "guest".to_owned(),
                reason: what.clone(),
                refused: false,
            });
            return None;
        }
        Observed::Known(state) => {
            wait(plan, state.to_string());
            return None;
        }
        Observed::Unknown(reason) => {
            wait(plan, reason.as_str());
            return None;
        }
    }
    match &observed.agent {
        Observed::Unknown(reason) => wait(plan, reason.as_str()),
        Observed::Known(AgentState::Unusable(reason)) => plan.blocked.push(Blocked {
            what: "guest agent".to_owned(),
            reason: reason.clone(),
            refused: false,
        }),
        Observed::Known(AgentState::Missing) => install(desired, None, plan),
        Observed::Known(AgentState::OtherProtocol(version)) => {
            let verdict = judge_version(version, false, desired.carried_agent.as_deref());
            agent_fits(desired, version, verdict, plan);
        }
        Observed::Known(AgentState::Present(facts)) => {
            let verdict = judge_agent(facts, desired.carried_agent.as_deref());
            if agent_fits(desired, &facts.agent_version, verdict, plan) {
                return Some(facts);
            }
        }
    }
    None
}

fn install(desired: &Desired, from: Option<String>, plan: &mut Plan) {
    match &desired.carried_agent {
        Some(to) => plan.actions.push(Action::InstallAgent {
            vmid: desired.vmid,
            from,
            to: to.clone(),
        }),
        None => plan.blocked.push(Blocked {
            what: "guest agent".to_owned(),
            reason: "phoenix-guest-agent is missing in the guest and this node carries no package of it: reinstall phoenix-hook here".to_owned(),
            refused: false,
        }),
    }
}

/// An older agent is replaced, a newer one used as it is while it speaks our protocol.
fn agent_fits(desired: &Desired, version: &str, verdict: AgentVerdict, plan: &mut Plan) -> bool {
    match verdict {
        AgentVerdict::Usable => {}
        AgentVerdict::Install => install(desired, Some(version.to_owned()), plan),
        AgentVerdict::TooNew => plan.blocked.push(Blocked {
            what: "guest agent".to_owned(),
            reason: format!(
                "phoenix-guest-agent {version} in the guest does not speak protocol {PROTOCOL_VERSION} of this node any more: upgrade phoenix-hook on this node"
            ),
            refused: true,
        }),
    }
    verdict == AgentVerdict::Usable
}

/// The infrastructure layer; true when nothing is left to do in it and Docker answers, if it is asked for.
fn infrastructure(
    desired: &Desired,
    observed: &ObservedGuest,
    facts: &Facts,
    plan: &mut Plan,
) -> bool {
    if let Some(job) = facts.running_jobs.first() {
        wait(
            plan,
            format!("job {} ({}) is at work in the guest", job.job, job.work),
        );
        return false;
    }
    if facts.cloud_init == CloudInit::Running {
        wait(plan, "cloud-init is still at work in the guest");
        return false;
    }
    match &observed.guest_plan {
        Observed::Unknown(reason) => {
            wait(plan, reason.as_str());
            return false;
        }
        Observed::Known(Err(refusal)) => {
            plan.blocked.push(refusal.blocked("guest set-up"));
            return false;
        }
        Observed::Known(Ok(seen)) => {
            plan.notices.extend(seen.notices.iter().cloned());
            if !seen.changes.is_empty() {
                plan.actions.push(Action::ApplyGuest {
                    vmid: desired.vmid,
                    spec: desired.guest.clone(),
                    changes: seen.changes.clone(),
                });
                return false;
            }
        }
    }
    let needs_docker =
        desired.swarm.is_some() || !desired.stacks.is_empty() || desired.portainer.is_some();
    match &facts.docker {
        Observed::Known(Docker::Running { .. }) => true,
        _ if !needs_docker => false,
        Observed::Unknown(reason) => {
            wait(plan, reason.as_str());
            false
        }
        Observed::Known(_) if desired.guest.docker.is_some() => {
            wait(plan, "Docker does not answer yet");
            false
        }
        Observed::Known(_) => {
            plan.blocked.push(Blocked {
                what: "docker".to_owned(),
                reason: "a Swarm role or stacks are declared, but Docker does not run in the guest: add \"docker\" to its features".to_owned(),
                refused: false,
            });
            false
        }
    }
}
