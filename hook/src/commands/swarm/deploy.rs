//! `phoenix swarm deploy STACK --env ENVIRONMENT`: a configured stack onto the Swarm as a whole.

use std::time::Duration;

use phoenix_common::config::{WhoDeploys, deployed_name};
use phoenix_common::retry::Deadline;
use phoenix_common::spec::StackSpec;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, ChangeVerb, RequestBody, StackPlan, WorkReport};

use super::lock::lock;
use super::target::Target;
use super::{binds, failure, manager};
use crate::channel::Channel;
use crate::commands::consent;
use crate::commands::{block_on, complain, complain_text, print_json, print_line};
use crate::context::Context;
use crate::execute::{ExecuteError, Executor};
use crate::exit_code::Exit;
use crate::paths::Paths;
use crate::plan::Plan;
use crate::plan::action::{Action, Folders};
use crate::progress::Progress;

/// How long a plan may take: the agent may have to ask a registry.
const PLAN: Duration = Duration::from_mins(1);
/// What a deployment may take on top of waiting for its services.
const ASIDE_OF_WAITING: Duration = Duration::from_mins(3);

/// Deploys a stack to the Swarm in any environment, everything in it named `<environment>_<stack>_…`.
#[derive(Debug, clap::Args)]
pub(super) struct DeployArgs {
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "stack {name} belongs to guest {vmid} by docker_stacks: phoenix run {vmid} post-start deploys it there (--force: deploy it unpinned all the same)"
)]
struct Assigned {
    name: String,
    vmid: Vmid,
}

pub(super) fn run(args: &DeployArgs, paths: &Paths) -> Exit {
    let (context, swarm) = match super::load(paths, args.target.swarm.as_deref()) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let spec = match spec(args, &context, &swarm) {
        Ok(spec) => spec,
        Err(exit) => return exit,
    };
    let progress = Progress::for_operator();
    let deployment = Deployment {
        args,
        context: &context,
        swarm: &swarm,
        progress: &progress,
    };
    let result = block_on(deployment.run(spec));
    progress.finish();
    result.unwrap_or_else(|exit| exit)
}

/// What shall run, out of the configuration; a mistake is told.
fn spec(args: &DeployArgs, context: &Context, swarm: &str) -> Result<StackSpec, Exit> {
    let config = &context.config;
    let Target {
        stack,
        environment,
        force,
        ..
    } = &args.target;
    let wrong = |error: &(dyn std::error::Error + 'static)| {
        complain(error);
        Exit::Usage
    };
    let name = deployed_name(environment, stack).map_err(|error| wrong(&error))?;
    let who = WhoDeploys::Operator;
    let spec = config
        .environment_spec(stack, environment, &name, who)
        .map_err(|error| wrong(&error))?;
    if let Some((guest, _)) = config.assigned_on(swarm, &name).filter(|_| !force) {
        let vmid = guest.vmid;
        complain(&Assigned { name, vmid });
        return Err(Exit::Refused);
    }
    Ok(spec)
}

/// How long services that are as declared may take to come up.
const COMING_UP: Duration = Duration::from_secs(20);

struct Deployment<'run> {
    args: &'run DeployArgs,
    context: &'run Context,
    swarm: &'run str,
    progress: &'run Progress,
}

impl Deployment<'_> {
    async fn run(&self, spec: StackSpec) -> Result<Exit, Exit> {
        let wait = Duration::from_secs(spec.wait_seconds.into());
        let deadline = Deadline::after(wait + ASIDE_OF_WAITING);
        let via = manager::reach(self.context, self.swarm)
            .await
            .map_err(|error| {
                complain(&error);
                error.exit()
            })?;
        let _lock = lock(
            self.context,
            self.swarm,
            "swarm deploy",
            deadline,
            self.progress,
        )
        .await?;
        let namespace = spec.namespace.clone();
        let plan = self
            .plan(via, &spec)
            .await
            .map_err(|error| self.failed(via, &namespace, &error))?;
        let found = binds::look(self.context, &plan.binds).await;
        let mut notices = self.notices();
        notices.extend(plan.warnings.iter().cloned());
        notices.extend(found.notices.iter().cloned());
        let action = self.action(via, spec.clone(), (&plan, &found));
        self.show(self.action(via, spec.clone(), (&plan, &found)), &notices);
        self.refuse_missing(&namespace, &found)?;
        self.agree(&plan)?;
        // Without a change, too: it tells whether the services run.
        let executor = Executor {
            context: self.context,
            progress: self.progress,
            vmid: via,
            deadline,
        };
        match executor.execute(&action).await {
            Ok(report) => {
                let lacking = self.not_running(via, &spec).await;
                let lacking = lacking.map_err(|error| self.failed(via, &namespace, &error))?;
                if lacking.is_empty() {
                    self.report(via, &namespace, &report, &notices);
                    return Ok(Exit::Converged);
                }
                for service in &lacking {
                    let service = Untrusted(service);
                    complain_text(&format!("stack {namespace} does not run: {service}"));
                }
                Ok(Exit::Failed)
            }
            Err(error) => Err(self.failed(via, &namespace, &error)),
        }
    }

    /// The job waits for what it wrote. What was deployed before and does not run is no success either, once it
    /// has had its time.
    async fn not_running(&self, via: Vmid, spec: &StackSpec) -> Result<Vec<String>, ExecuteError> {
        let deadline = Deadline::after(COMING_UP);
        loop {
            let lacking = self.plan(via, spec).await?.not_running;
            if lacking.is_empty() || deadline.has_passed() {
                return Ok(lacking);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn plan(&self, via: Vmid, spec: &StackSpec) -> Result<StackPlan, ExecuteError> {
        let channel = Channel::to_vm(via, &self.context.paths);
        let question = RequestBody::PlanStack(Box::new(spec.clone()));
        match channel.answer(question, Deadline::after(PLAN)).await? {
            Answer::PlanStack(plan) => Ok(plan),
            _ => Err(ExecuteError::OtherAnswer { vmid: via }),
        }
    }

    fn action(
        &self,
        via: Vmid,
        spec: StackSpec,
        (plan, found): (&StackPlan, &binds::Found),
    ) -> Action {
        let folders = found.folders.iter().flat_map(Folders::changes);
        Action::DeployStack {
            via,
            swarm: self.swarm.to_owned(),
            name: spec.namespace.clone(),
            spec: Box::new(spec),
            changes: folders.chain(plan.changes.iter().cloned()).collect(),
            folders: found.folders.clone(),
        }
    }

    fn refuse_missing(&self, namespace: &str, found: &binds::Found) -> Result<(), Exit> {
        if found.missing.is_empty() {
            return Ok(());
        }
        self.progress.finish();
        for missing in &found.missing {
            complain_text(missing);
        }
        complain_text(&format!(
            "stack {namespace} is not deployed: make the folders there, use volumes, or give the stack to one guest by docker_stacks"
        ));
        Err(Exit::Refused)
    }

    fn notices(&self) -> Vec<String> {
        let Target {
            stack, environment, ..
        } = &self.args.target;
        let declared = self.context.config.stacks.get(stack);
        let declared = declared.is_some_and(|stack| stack.environments.contains_key(environment));
        if declared {
            return Vec::new();
        }
        vec![format!(
            "environment {environment} is not declared for stack {stack}: no variables, no files"
        )]
    }

    /// The plan, before anything is written.
    fn show(&self, action: Action, notices: &[String]) {
        if self.args.target.json {
            return;
        }
        let mut plan = Plan {
            notices: notices.to_vec(),
            ..Plan::default()
        };
        if !action.changes().is_empty() {
            plan.actions.push(action);
        }
        let text = plan.to_string();
        if !text.is_empty() {
            print_line(text.trim_end());
        }
    }

    /// A service that goes takes its tasks with it; everything else can be deployed back.
    fn agree(&self, plan: &StackPlan) -> Result<(), Exit> {
        let removed: Vec<String> = plan
            .changes
            .iter()
            .filter(|change| change.verb == ChangeVerb::Remove)
            .filter(|change| change.subject.starts_with("service "))
            .map(|change| Untrusted(&change.subject).to_string())
            .collect();
        if removed.is_empty() {
            return Ok(());
        }
        consent::ask(
            &format!("removes {}", removed.join(", ")),
            self.args.target.yes,
        )
    }

    fn report(&self, via: Vmid, namespace: &str, report: &WorkReport, notices: &[String]) {
        if self.args.target.json {
            return print_json(&serde_json::json!({
                "schema_version": 1,
                "swarm": self.swarm,
                "stack": namespace,
                "via": via,
                "outcome": if report.changes.is_empty() { "unchanged" } else { "deployed" },
                "changes": report.changes,
                "notices": notices,
            }));
        }
        print_line(&match report.changes.len() {
            0 => format!("{namespace}: runs as declared, nothing to do, nothing written"),
            1 => format!("{namespace}: deployed through guest {via}, 1 change"),
            changes => format!("{namespace}: deployed through guest {via}, {changes} changes"),
        });
    }

    fn failed(&self, via: Vmid, namespace: &str, error: &ExecuteError) -> Exit {
        self.progress.finish();
        let exit = failure::tell(error);
        if self.args.target.json {
            print_json(&serde_json::json!({
                "schema_version": 1,
                "swarm": self.swarm,
                "stack": namespace,
                "via": via,
                "outcome": "failed",
                "error": phoenix_common::log::Chain(error).to_string(),
            }));
        }
        exit
    }
}
