//! `phoenix swarm rm STACK --env ENVIRONMENT`: takes a stack off the Swarm and leaves nothing of it but volumes.

use std::time::Duration;

use phoenix_common::config::deployed_name;
use phoenix_common::retry::Deadline;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, RequestBody, StackStatus, Work, WorkReport};

use super::lock::lock;
use super::{consent, failure, manager};
use crate::channel::Channel;
use crate::commands::{block_on, complain, print_json, print_line};
use crate::context::Context;
use crate::execute::ExecuteError;
use crate::exit_code::Exit;
use crate::paths::Paths;
use crate::progress::Progress;

const QUESTION: Duration = Duration::from_secs(30);
/// What a removal may take on top of waiting for tasks and networks to go.
const ASIDE_OF_WAITING: Duration = Duration::from_mins(1);

/// Removes a stack of an environment from the Swarm: services, configs, secrets, networks. Volumes stay.
#[derive(Debug, clap::Args)]
pub(super) struct RmArgs {
    /// The stack; it need not be in the configuration any more.
    pub stack: String,
    /// The environment.
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    pub environment: String,
    /// The Swarm (default: `swarm.name` of the configuration).
    #[arg(long, value_name = "NAME")]
    pub swarm: Option<String>,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    /// Remove even what `docker_stacks` declares for a guest; the next run of that guest deploys it again.
    #[arg(long)]
    pub force: bool,
    /// Wait so long until nothing is left.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub wait: u32,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "stack {name} belongs to guest {vmid} by docker_stacks and would come back at its next start: take it out there first (--force: remove it all the same)"
)]
struct Assigned {
    name: String,
    vmid: Vmid,
}

pub(super) fn run(args: &RmArgs, paths: &Paths) -> Exit {
    let (context, swarm) = match super::load(paths, args.swarm.as_deref()) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let name = match deployed_name(&args.environment, &args.stack) {
        Ok(name) => name,
        Err(error) => {
            complain(&error);
            return Exit::Usage;
        }
    };
    let assigned = context.config.assigned_on(&swarm, &name);
    if let Some((guest, _)) = assigned.filter(|_| !args.force) {
        let vmid = guest.vmid;
        complain(&Assigned { name, vmid });
        return Exit::Refused;
    }
    let progress = Progress::for_operator();
    let removal = Removal {
        args,
        context: &context,
        swarm: &swarm,
        name: &name,
        progress: &progress,
    };
    let result = block_on(removal.run());
    progress.finish();
    result.unwrap_or_else(|exit| exit)
}

struct Removal<'run> {
    args: &'run RmArgs,
    context: &'run Context,
    swarm: &'run str,
    name: &'run str,
    progress: &'run Progress,
}

impl Removal<'_> {
    async fn run(&self) -> Result<Exit, Exit> {
        let wait = Duration::from_secs(self.args.wait.into());
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
            "swarm rm",
            deadline,
            self.progress,
        )
        .await?;
        let found = self.found(via).await.map_err(|error| self.failed(&error))?;
        if !found.services.is_empty() {
            let names = found.services.iter();
            let names: Vec<String> = names
                .map(|service| Untrusted(&service.name).to_string())
                .collect();
            let (name, swarm) = (self.name, self.swarm);
            let what = format!(
                "removes {name} from Swarm {swarm}: services {}",
                names.join(", ")
            );
            consent::ask(&what, self.args.yes)?;
        }
        // Without services, too: a removal that was broken off leaves networks and configs.
        let report = self
            .remove(via, deadline)
            .await
            .map_err(|error| self.failed(&error))?;
        self.report(via, &report);
        Ok(Exit::Converged)
    }

    async fn found(&self, via: Vmid) -> Result<StackStatus, ExecuteError> {
        let channel = Channel::to_vm(via, &self.context.paths);
        let question = RequestBody::StackStatus {
            namespace: self.name.to_owned(),
        };
        match channel.answer(question, Deadline::after(QUESTION)).await? {
            Answer::StackStatus(status) => Ok(status),
            _ => Err(ExecuteError::OtherAnswer { vmid: via }),
        }
    }

    async fn remove(&self, via: Vmid, deadline: Deadline) -> Result<WorkReport, ExecuteError> {
        let work = Work::RemoveStack {
            namespace: self.name.to_owned(),
            wait_seconds: self.args.wait,
        };
        let channel = Channel::to_vm(via, &self.context.paths);
        let report = channel
            .run_job(work, deadline, &mut |line| {
                let text = format!("{}: {}", line.step, line.message);
                self.progress.now(via, &text);
            })
            .await?;
        Ok(report)
    }

    fn report(&self, via: Vmid, report: &WorkReport) {
        let (name, swarm) = (self.name, self.swarm);
        if self.args.json {
            return print_json(&serde_json::json!({
                "schema_version": 1,
                "swarm": swarm,
                "stack": name,
                "via": via,
                "outcome": if report.changes.is_empty() { "absent" } else { "removed" },
                "changes": report.changes,
            }));
        }
        if report.changes.is_empty() {
            return print_line(&format!(
                "there is no stack {name} on Swarm {swarm}: nothing to do, nothing written"
            ));
        }
        print_line(&format!(
            "{name}: removed from Swarm {swarm}, nothing is left of it but volumes"
        ));
        for change in &report.changes {
            print_line(&format!("  - {}", Untrusted(&change.subject)));
        }
    }

    fn failed(&self, error: &ExecuteError) -> Exit {
        self.progress.finish();
        let exit = failure::tell(error);
        if self.args.json {
            print_json(&serde_json::json!({
                "schema_version": 1,
                "swarm": self.swarm,
                "stack": self.name,
                "outcome": "failed",
                "error": phoenix_common::log::Chain(error).to_string(),
            }));
        }
        exit
    }
}
