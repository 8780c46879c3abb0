//! What has to be done so that Portainer holds what is declared: environments first, then stacks.

pub mod action;
pub mod desired;
mod env;
pub mod environments;
pub mod observed;
pub mod render;
pub mod runtime;
mod stacks;
#[cfg(test)]
mod tests;
mod yaml;

use std::fmt;

use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::{Blocked, Waiting};
use crate::portainer::types::Environment;
use action::PortainerAction;
use desired::{EnvironmentDesired, PortainerDesired};
use observed::{Inventory, ObservedPortainer, Server};

/// How long a server that was just started may take to answer.
const STARTING_PATIENCE_SECONDS: u64 = 120;
/// The oldest server whose API is the one used here.
const OLDEST: (u64, u64) = (2, 20);

/// What a run would do now, in order; as [`super::Plan`].
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct PortainerPlan {
    pub actions: Vec<PortainerAction>,
    pub waiting: Vec<Waiting>,
    pub blocked: Vec<Blocked>,
    pub notices: Vec<String>,
}

impl PortainerPlan {
    pub fn is_settled(&self) -> bool {
        self.actions.is_empty() && self.waiting.is_empty()
    }

    pub fn is_converged(&self) -> bool {
        self.is_settled() && self.blocked.is_empty()
    }

    fn wait(&mut self, on: Option<Vmid>, reason: impl Into<String>) {
        self.waiting.push(Waiting {
            on,
            reason: reason.into(),
            patience_seconds: None,
        });
    }

    fn block(&mut self, what: String, reason: impl Into<String>, refused: bool) {
        self.blocked.push(Blocked {
            what,
            reason: reason.into(),
            refused,
        });
    }
}

/// Decides what brings Portainer from `observed` to `desired`.
pub fn plan(desired: &PortainerDesired, observed: &ObservedPortainer) -> PortainerPlan {
    let mut plan = PortainerPlan::default();
    let portainer = || "Portainer".to_owned();
    match &observed.server {
        Observed::Unknown(reason) if observed.primary_is_up => plan.waiting.push(Waiting {
            on: None,
            reason: format!("Portainer: {reason}"),
            patience_seconds: Some(STARTING_PATIENCE_SECONDS),
        }),
        Observed::Unknown(reason) => plan.wait(Some(desired.primary), reason.as_str()),
        Observed::Known(Server::Closed(reason)) => plan.block(portainer(), reason.as_str(), false),
        Observed::Known(Server::NoKey { version }) if too_old(version) => {
            plan.block(portainer(), old(version), false);
        }
        Observed::Known(Server::NoKey { .. }) => plan.actions.push(PortainerAction::MintKey {
            user: desired.user.clone(),
        }),
        Observed::Known(Server::Open(inventory)) if too_old(&inventory.version) => {
            plan.block(portainer(), old(&inventory.version), false);
        }
        Observed::Known(Server::Open(inventory)) => {
            for environment in &desired.environments {
                self::environment(environment, inventory, &mut plan);
            }
        }
    }
    plan
}

fn too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u64>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < OLDEST,
        // A name nobody knows is no reason to stop.
        _ => false,
    }
}

fn old(version: &str) -> String {
    format!("version {version} is older than 2.20, whose API is another one: upgrade Portainer")
}

fn environment(wanted: &EnvironmentDesired, inventory: &Inventory, plan: &mut PortainerPlan) {
    let what = format!("environment {}", wanted.name);
    let url = match &wanted.url {
        Ok(url) => url,
        Err(reason) => return plan.block(what, reason.as_str(), false),
    };
    let named: Vec<&Environment> = with(inventory, |found| found.name == wanted.name);
    let there: Vec<&Environment> = with(inventory, |found| same_url(&found.url, url));
    let mend = |found: &Environment, reasons: Vec<String>| PortainerAction::UpdateEnvironment {
        id: found.id,
        name: wanted.name.clone(),
        url: url.clone(),
        reasons,
    };
    let found = match (named.as_slice(), there.as_slice()) {
        ([], []) => {
            return plan.actions.push(PortainerAction::CreateEnvironment {
                name: wanted.name.clone(),
                url: url.clone(),
            });
        }
        ([], [other]) => {
            let reason = format!("rename from {}", other.name);
            return plan.actions.push(mend(other, vec![reason]));
        }
        ([found], _) => *found,
        (many, others) => {
            let all = if many.is_empty() { others } else { many };
            return plan.block(what, doubles(all), true);
        }
    };
    if there.iter().any(|other| other.id != found.id) {
        let notice = format!("{what}: {}", doubles(&there));
        plan.notices.push(notice);
    }
    if found.r#type != 2 {
        let reason =
            "there is an environment of that name that is no Docker agent: rename it in Portainer";
        return plan.block(what, reason, true);
    }
    let reasons = differences(found, url);
    if !reasons.is_empty() {
        return plan.actions.push(mend(found, reasons));
    }
    for stack in &wanted.stacks {
        stacks::plan(wanted, found, stack, inventory, plan);
    }
}

fn with(inventory: &Inventory, fits: impl Fn(&Environment) -> bool) -> Vec<&Environment> {
    let all = inventory.environments.iter();
    all.filter(|environment| fits(environment)).collect()
}

fn doubles(environments: &[&Environment]) -> String {
    let names: Vec<String> = environments
        .iter()
        .map(|environment| format!("{} ({})", environment.name, environment.id))
        .collect();
    format!(
        "several environments of Portainer stand for the same guest: {}; keep the one with the stacks and remove the others in Portainer",
        names.join(", ")
    )
}

fn differences(found: &Environment, url: &str) -> Vec<String> {
    let mut reasons = Vec::new();
    if !same_url(&found.url, url) {
        reasons.push(format!("address {} becomes {url}", found.url));
    }
    if !found.tls.enabled || !found.tls.skips_verify {
        reasons.push("TLS to the agent".to_owned());
    }
    reasons
}

/// The scheme is Portainer's to choose.
fn same_url(one: &str, other: &str) -> bool {
    let bare = |url: &str| {
        let url = url.strip_prefix("tcp://").unwrap_or(url);
        url.trim_end_matches('/').to_ascii_lowercase()
    };
    bare(one) == bare(other)
}

impl fmt::Display for PortainerPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            writeln!(formatter, "  + {action}")?;
        }
        for blocked in &self.blocked {
            let reason = Untrusted(&blocked.reason);
            writeln!(formatter, "  ! {}: {reason}", blocked.what)?;
        }
        for waiting in &self.waiting {
            let reason = Untrusted(&waiting.reason);
            match waiting.on {
                Some(vmid) => writeln!(formatter, "  … waits for guest {vmid}: {reason}")?,
                None => writeln!(formatter, "  … waits: {reason}")?,
            }
        }
        for notice in &self.notices {
            writeln!(formatter, "  note: {}", Untrusted(notice))?;
        }
        Ok(())
    }
}
