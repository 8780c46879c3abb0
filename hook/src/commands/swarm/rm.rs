//! `phoenix swarm rm STACK --env ENVIRONMENT [--volumes]`: takes a stack off the Swarm and leaves nothing of it, but
//! volumes where they are not asked for.

use std::time::Duration;

use phoenix_common::config::deployed_name;
use phoenix_common::retry::Deadline;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, RequestBody, StackStatus, Work, WorkReport};

use super::lock::lock;
use super::target::Target;
use super::{failure, manager, volumes};
use crate::channel::Channel;
use crate::commands::consent;
use crate::commands::{block_on, complain, complain_text, print_json, print_line};
use crate::context::Context;
use crate::execute::ExecuteError;
use crate::exit_code::Exit;
use crate::paths::Paths;
use crate::progress::Progress;

const QUESTION: Duration = Duration::from_secs(30);
/// What a removal may take on top of waiting for tasks and networks to go.
const ASIDE_OF_WAITING: Duration = Duration::from_mins(1);

/// Removes a stack of an environment from the Swarm: services, configs, secrets, networks; volumes when asked to.
#[derive(Debug, clap::Args)]
pub(super) struct RmArgs {
    #[command(flatten)]
    pub target: Target,
    /// Remove its volumes, too, data and all, on every node that has some.
    #[arg(long)]
    pub volumes: bool,
    /// Wait so long until nothing is left.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub wait: u32,
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
    let (context, swarm) = match super::load(paths, args.target.swarm.as_deref()) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let name = match deployed_name(&args.target.environment, &args.target.stack) {
        Ok(name) => name,
        Err(error) => {
            complain(&error);
            return Exit::Usage;
        }
    };
    let assigned = context.config.assigned_on(&swarm, &name);
    if let Some((guest, _)) = assigned.filter(|_| !args.target.force) {
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
        let status = self.found(via).await.map_err(|error| self.failed(&error))?;
        let found = self
            .volumes(via)
            .await
            .map_err(|error| self.failed(&error))?;
        self.agree(&status, &found)?;
        // Without services, too: a removal that was broken off leaves networks and configs.
        let report = self
            .remove(via, deadline)
            .await
            .map_err(|error| self.failed(&error))?;
        let until = (self.name, self.args.wait, deadline);
        let removed = volumes::remove(self.context, self.progress, &found, until).await;
        self.report(via, &report, &found, &removed);
        Ok(self.end(&found, &removed))
    }

    /// The volumes that shall go; none when that is not asked for.
    async fn volumes(&self, via: Vmid) -> Result<volumes::Found, ExecuteError> {
        if !self.args.volumes {
            return Ok(volumes::Found::default());
        }
        volumes::look(self.context, self.swarm, (via, self.name)).await
    }

    fn agree(&self, status: &StackStatus, found: &volumes::Found) -> Result<(), Exit> {
        for node in &found.not_asked {
            complain_text(&format!(
                "volumes of {} are not looked for there: {}",
                self.name,
                Untrusted(node)
            ));
        }
        let services = status.services.iter();
        let services: Vec<String> = services
            .map(|service| Untrusted(&service.name).to_string())
            .collect();
        let mut parts = Vec::new();
        if !services.is_empty() {
            parts.push(format!("services {}", services.join(", ")));
        }
        if !found.volumes.is_empty() {
            parts.push(format!("for good {}", volumes::text(found)));
        }
        if parts.is_empty() {
            return Ok(());
        }
        let (name, swarm) = (self.name, self.swarm);
        let what = format!(
            "removes {name} from Swarm {swarm}: {}",
            parts.join("; and ")
        );
        consent::ask(&what, self.args.target.yes)
    }

    /// Volumes that stay although they were to go are no success.
    fn end(&self, found: &volumes::Found, removed: &volumes::Removed) -> Exit {
        for error in &removed.failures {
            failure::tell(error);
        }
        if removed.failures.is_empty() && found.not_asked.is_empty() {
            return Exit::Converged;
        }
        let Target {
            stack, environment, ..
        } = &self.args.target;
        complain_text(&format!(
            "not all nodes were rid of the volumes of {}; when they answer: phoenix swarm rm {stack} --env {environment} --volumes",
            self.name
        ));
        Exit::Failed
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

    fn report(
        &self,
        via: Vmid,
        report: &WorkReport,
        found: &volumes::Found,
        removed: &volumes::Removed,
    ) {
        let (name, swarm) = (self.name, self.swarm);
        let nothing = report.changes.is_empty() && found.volumes.is_empty();
        if self.args.target.json {
            let failures = removed.failures.iter();
            let failures: Vec<String> = failures
                .map(|error| phoenix_common::log::Chain(error).to_string())
                .collect();
            return print_json(&serde_json::json!({
                "schema_version": 1,
                "swarm": swarm,
                "stack": name,
                "via": via,
                "outcome": if nothing { "absent" } else { "removed" },
                "changes": report.changes,
                "volumes": removed.volumes,
                "volumes_failed": failures,
                "volumes_not_looked_for": found.not_asked,
            }));
        }
        if nothing {
            return print_line(&format!(
                "there is no stack {name} on Swarm {swarm}: nothing to do, nothing written"
            ));
        }
        let all = removed.failures.is_empty() && found.not_asked.is_empty();
        let but = if self.args.volumes && all {
            ""
        } else {
            " but volumes"
        };
        print_line(&format!(
            "{name}: removed from Swarm {swarm}, nothing is left of it{but}"
        ));
        for change in &report.changes {
            print_line(&format!("  - {}", Untrusted(&change.subject)));
        }
        for (vmid, names) in &removed.volumes {
            for volume in names {
                print_line(&format!("  - volume {} on guest {vmid}", Untrusted(volume)));
            }
        }
    }

    fn failed(&self, error: &ExecuteError) -> Exit {
        self.progress.finish();
        let exit = failure::tell(error);
        if self.args.target.json {
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
