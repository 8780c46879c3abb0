//! One stack in its environment: created, adopted, taken over, updated, or left alone.

use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;

use super::PortainerPlan;
use super::action::{Former, PortainerAction, STACK_LABEL};
use super::desired::{EnvironmentDesired, EnvironmentKind, PortainerStack, StackContent};
use super::observed::{Inventory, Runtime};
use super::runtime::{Lacking, lacking};
use crate::plan::Waiting;
use crate::portainer::types::{
    EnvPair, Environment, STACK_ACTIVE, STACK_COMPOSE, STACK_DEPLOYING, STACK_SWARM, Stack,
};

/// How long services of a Swarm that are as declared may take to come up.
const COMING_PATIENCE_SECONDS: u64 = 60;

struct Looked<'run> {
    what: String,
    wanted: &'run PortainerStack,
    content: &'run StackContent,
    environment: &'run Environment,
    on_swarm: bool,
    runtime: &'run Runtime,
}

pub(super) fn plan(
    wanted: &EnvironmentDesired,
    environment: &Environment,
    stack: &PortainerStack,
    inventory: &Inventory,
    plan: &mut PortainerPlan,
) {
    let what = format!("stack {}", stack.name);
    let content = match &stack.content {
        Ok(content) => content,
        Err(reason) => return plan.block(what, reason.as_str(), false),
    };
    let on_swarm = matches!(wanted.kind, EnvironmentKind::Swarm(_));
    if stack.manual {
        return by_hand(stack, content, environment, inventory, plan);
    }
    let runtime = match inventory.runtimes.get(&environment.id) {
        Some(Observed::Known(runtime)) => runtime,
        Some(Observed::Unknown(reason)) => {
            return plan.wait(Some(stack.vmid), format!("{what}: {reason}"));
        }
        None => return plan.wait(None, format!("{what}: not looked at yet")),
    };
    let looked = Looked {
        what,
        wanted: stack,
        content,
        environment,
        on_swarm,
        runtime,
    };
    match record(&looked, inventory) {
        Record::One(found) => looked.update(found, inventory, plan),
        Record::Orphan(found) => {
            let reason = "taken over from an environment that is gone".to_owned();
            plan.actions.push(looked.change(found, vec![reason], None));
        }
        Record::None => plan.actions.push(looked.create()),
        Record::Many(ids) => {
            let reason = format!(
                "Portainer has it more than once (records {ids}): remove in Portainer all but one, which takes its containers down, and run this again"
            );
            plan.block(looked.what, reason, true);
        }
    }
}

enum Record<'seen> {
    None,
    One(&'seen Stack),
    Orphan(&'seen Stack),
    Many(String),
}

fn record<'seen>(looked: &Looked<'_>, inventory: &'seen Inventory) -> Record<'seen> {
    let named = || {
        let all = inventory.stacks.iter();
        all.filter(|stack| stack.name.eq_ignore_ascii_case(&looked.wanted.name))
    };
    let here: Vec<&Stack> = named()
        .filter(|stack| stack.endpoint_id == looked.environment.id)
        .collect();
    match here.as_slice() {
        [found] => Record::One(found),
        [] => {
            let kind = if looked.on_swarm {
                STACK_SWARM
            } else {
                STACK_COMPOSE
            };
            let mut orphans =
                named().filter(|stack| stack.r#type == kind && inventory.is_orphan(stack));
            orphans.next().map_or(Record::None, Record::Orphan)
        }
        many => {
            let ids: Vec<String> = many.iter().map(|stack| stack.id.to_string()).collect();
            Record::Many(ids.join(", "))
        }
    }
}

impl Looked<'_> {
    fn update(self, found: &Stack, inventory: &Inventory, plan: &mut PortainerPlan) {
        let kind = if self.on_swarm {
            STACK_SWARM
        } else {
            STACK_COMPOSE
        };
        if found.r#type != kind {
            let reason =
                "Portainer has a stack of that name of another kind: remove it there first";
            return plan.block(self.what, reason, true);
        }
        if found.status == STACK_DEPLOYING {
            let reason = format!("{}: Portainer is deploying it", self.what);
            return plan.wait(None, reason);
        }
        let file = match inventory.files.get(&found.id) {
            Some(Observed::Known(file)) => file,
            Some(Observed::Unknown(reason)) => {
                let reason = format!(
                    "its file cannot be read from Portainer: {reason}; when it is lost, only removing the stack in Portainer and running this again helps"
                );
                return plan.block(self.what, reason, false);
            }
            None => return plan.wait(None, format!("{}: not looked at yet", self.what)),
        };
        let lacking = lacking(&self.wanted.name, &self.content.services, self.runtime);
        let reasons = self.reasons(found, file, &lacking);
        if !reasons.is_empty() {
            let former = Former {
                file: file.clone(),
                env: found.env().to_vec(),
            };
            plan.actions.push(self.change(found, reasons, Some(former)));
            return;
        }
        for service in &lacking.coming {
            plan.waiting.push(Waiting {
                on: None,
                reason: format!("{}: {service}", self.what),
                patience_seconds: Some(COMING_PATIENCE_SECONDS),
            });
        }
        self.tidy(&lacking, plan);
    }

    /// What differs between the record, what runs, and what is declared.
    fn reasons(&self, found: &Stack, file: &str, lacking: &Lacking) -> Vec<String> {
        let mut reasons = Vec::new();
        if file != self.content.file {
            reasons.push("the file differs".to_owned());
        }
        reasons.extend(env_difference(found.env(), &self.content.env));
        if found.status != STACK_ACTIVE {
            let why = match found.status {
                2 => "it is stopped".to_owned(),
                4 => format!("its last deployment failed: {}", found.failure()),
                other => format!("Portainer calls its state {other}"),
            };
            reasons.push(why);
        }
        reasons.extend(lacking.gone.iter().cloned());
        reasons
    }

    /// What an update has left behind.
    fn tidy(&self, lacking: &Lacking, plan: &mut PortainerPlan) {
        let name = &self.wanted.name;
        match self.runtime {
            Runtime::Compose(_) if !lacking.orphans.is_empty() => {
                plan.actions.push(PortainerAction::RemoveOrphans {
                    vmid: self.wanted.vmid,
                    name: name.clone(),
                    services: self
                        .content
                        .services
                        .iter()
                        .map(|service| service.name.clone())
                        .collect(),
                });
            }
            Runtime::Swarm { configs, .. } => {
                let ours = configs.iter().filter(|config| {
                    config.spec.labels.get(STACK_LABEL) == Some(name)
                        && !self
                            .content
                            .configs
                            .iter()
                            .any(|used| used.name == config.spec.name)
                });
                let old: Vec<_> = ours.collect();
                if !old.is_empty() {
                    plan.actions.push(PortainerAction::RemoveConfigs {
                        name: name.clone(),
                        environment: self.environment.id,
                        configs: old.iter().map(|config| config.spec.name.clone()).collect(),
                        ids: old.iter().map(|config| config.id.clone()).collect(),
                    });
                }
            }
            Runtime::Compose(_) => {}
        }
    }

    fn create(&self) -> PortainerAction {
        PortainerAction::CreateStack {
            vmid: self.wanted.vmid,
            name: self.wanted.name.clone(),
            environment: self.environment.id,
            environment_name: self.environment.name.clone(),
            swarm_id: match self.runtime {
                Runtime::Swarm { id, .. } => Some(id.clone()),
                Runtime::Compose(_) => None,
            },
            content: Box::new(self.content.clone()),
        }
    }

    fn change(
        &self,
        found: &Stack,
        reasons: Vec<String>,
        former: Option<Former>,
    ) -> PortainerAction {
        PortainerAction::UpdateStack {
            vmid: self.wanted.vmid,
            name: self.wanted.name.clone(),
            id: found.id,
            environment: self.environment.id,
            environment_name: self.environment.name.clone(),
            on_swarm: self.on_swarm,
            reasons,
            content: Box::new(self.content.clone()),
            former,
        }
    }
}

/// Names only: values may be what should not stand in a log.
fn env_difference(found: &[EnvPair], wanted: &[EnvPair]) -> Option<String> {
    let value = |pairs: &[EnvPair], name: &str| {
        let pair = pairs.iter().find(|pair| pair.name == name);
        pair.map(|pair| pair.value.clone())
    };
    let mut names: Vec<&str> = found
        .iter()
        .chain(wanted)
        .map(|pair| pair.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| value(found, name) != value(wanted, name));
    if names.is_empty() {
        return None;
    }
    Some(format!("variables differ: {}", names.join(", ")))
}

/// The steps for the operator; what is there and as declared needs none.
fn by_hand(
    stack: &PortainerStack,
    content: &StackContent,
    environment: &Environment,
    inventory: &Inventory,
    plan: &mut PortainerPlan,
) {
    let found = inventory.stacks.iter().any(|found| {
        found.endpoint_id == environment.id && found.name.eq_ignore_ascii_case(&stack.name)
    });
    if found {
        return;
    }
    plan.notices.push(format!(
        "stack {} is declared `manual`: in {} open environment {}, Stacks, Add stack, name it {}, paste {} into the web editor, add {} variables, deploy",
        stack.name,
        Untrusted(&inventory.url),
        environment.name,
        stack.name,
        content.source.path,
        content.env.len(),
    ));
}
