//! Carries out one action on Portainer. Nothing is decided here but how a write that went wrong ended.

use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{PullImages, RemoveOrphans, Work};
use serde_json::json;

use crate::channel::{Channel, JobError};
use crate::context::Context;
use crate::plan::portainer::action::{Former, PortainerAction, STACK_LABEL};
use crate::plan::portainer::desired::StackContent;
use crate::plan::portainer::observed::Runtime;
use crate::plan::portainer::{render, runtime};
use crate::portainer::api::StackBody;
use crate::portainer::credentials::SecretFiles;
use crate::portainer::types::{STACK_ACTIVE, STACK_DEPLOYING, Stack};
use crate::portainer::{PortainerError, Session};
use crate::progress::Progress;

/// How long Portainer may deploy in the background: its own limit is 15 minutes.
const DEPLOYMENT: Duration = Duration::from_mins(17);
const POLL: Duration = Duration::from_millis(500);
const LONGEST_POLL: Duration = Duration::from_secs(2);

/// Why an action was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum PortainerStepError {
    #[error(transparent)]
    Portainer(#[from] PortainerError),
    #[error("nothing was changed: the images cannot be had in guest {vmid}")]
    Images { vmid: Vmid, source: Box<JobError> },
    #[error(transparent)]
    Guest(#[from] Box<JobError>),
    #[error(
        "Portainer's deployment failed: {}",
        phoenix_common::untrusted::Untrusted(reason)
    )]
    Deployment { reason: String },
    #[error("Portainer still deploys it after {minutes} minutes")]
    Deadline { minutes: u64 },
    #[error("the update failed; {outcome}")]
    Update {
        outcome: &'static str,
        source: Box<PortainerStepError>,
    },
}

impl PortainerStepError {
    /// Whether looking again may find that it is done, or do it.
    pub fn is_retryable(&self) -> bool {
        match self {
            // The stack or environment is there after all, made by somebody else meanwhile.
            Self::Portainer(error) if error.status() == Some(409) => true,
            Self::Portainer(error) => error.is_transient(),
            Self::Images { source, .. } | Self::Guest(source) => source.is_transient(),
            Self::Deadline { .. } => true,
            Self::Deployment { .. } | Self::Update { .. } => false,
        }
    }
}

/// What an executor works with. The caller holds Portainer's lock.
#[derive(Debug)]
pub struct PortainerExecutor<'run> {
    pub context: &'run Context,
    pub session: &'run mut Session,
    pub progress: &'run Progress,
    pub deadline: Deadline,
}

struct Target<'run> {
    vmid: Vmid,
    name: &'run str,
    environment: u64,
    on_swarm: bool,
}

impl PortainerExecutor<'_> {
    /// # Errors
    /// The action was not carried out, or it is not known whether it was: look again.
    pub async fn execute(&mut self, action: &PortainerAction) -> Result<(), PortainerStepError> {
        match action {
            PortainerAction::MintKey { user } => {
                let files = SecretFiles::new(&self.context.paths);
                Ok(self.session.mint(user, &files).await?)
            }
            PortainerAction::CreateEnvironment { name, url } => {
                self.create_environment(name, url).await
            }
            PortainerAction::UpdateEnvironment { id, name, url, .. } => {
                self.session.update_environment(*id, name, url).await?;
                // Its state stays the old one until the server looks.
                Ok(self.session.snapshot(*id).await?)
            }
            PortainerAction::CreateStack {
                vmid,
                name,
                environment,
                swarm_id,
                content,
                ..
            } => {
                let target = target(*vmid, name, *environment, swarm_id.is_some());
                self.prepare(&target, content).await?;
                self.create_stack(&target, swarm_id.as_deref(), content)
                    .await
            }
            PortainerAction::UpdateStack {
                vmid,
                name,
                id,
                environment,
                on_swarm,
                content,
                former,
                ..
            } => {
                let target = target(*vmid, name, *environment, *on_swarm);
                self.prepare(&target, content).await?;
                self.update_stack(&target, *id, content, former.as_ref())
                    .await
            }
            PortainerAction::RemoveOrphans {
                vmid,
                name,
                services,
            } => {
                let (project, services) = (name.clone(), services.clone());
                let work = Work::RemoveOrphans(RemoveOrphans { project, services });
                Ok(self.job(*vmid, work).await.map_err(Box::new)?)
            }
            PortainerAction::RemoveConfigs {
                environment, ids, ..
            } => {
                for id in ids {
                    self.session.delete_config(*environment, id).await?;
                }
                Ok(())
            }
        }
    }

    /// A server that cannot look at the new environment answers 500 and may have kept the record: it is found by the
    /// next look, as one is whose answer was lost.
    async fn create_environment(&self, name: &str, url: &str) -> Result<(), PortainerStepError> {
        let Err(error) = self.session.create_environment(name, url).await else {
            return Ok(());
        };
        if error.may_have_happened() || error.status() == Some(409) {
            let found = self.session.environments().await?;
            if found.iter().any(|environment| environment.name == name) {
                return Ok(());
            }
        }
        Err(error.into())
    }

    /// What must not fail once something was written: images in the guest, configs on the Swarm.
    async fn prepare(
        &self,
        target: &Target<'_>,
        content: &StackContent,
    ) -> Result<(), PortainerStepError> {
        if !target.on_swarm {
            let work = Work::PullImages(PullImages {
                compose: content.source.clone(),
                variables: content.variables.clone(),
            });
            let vmid = target.vmid;
            return self.job(vmid, work).await.map_err(|source| {
                let source = Box::new(source);
                PortainerStepError::Images { vmid, source }
            });
        }
        let labels = json!({ STACK_LABEL: target.name });
        for config in &content.configs {
            self.session
                .create_config(
                    target.environment,
                    &config.name,
                    &config.content_base64,
                    &labels,
                )
                .await?;
        }
        Ok(())
    }

    async fn create_stack(
        &self,
        target: &Target<'_>,
        swarm_id: Option<&str>,
        content: &StackContent,
    ) -> Result<(), PortainerStepError> {
        let body = body(target, content);
        let stack = match self.session.create_stack(target.name, swarm_id, body).await {
            Ok(stack) => stack,
            Err(error) if error.may_have_happened() => {
                self.after_lost_create(target, error).await?
            }
            Err(error) => return Err(error.into()),
        };
        self.deployed(stack).await
    }

    /// Servers up to 2.40 make the record when the deployment has ended: until then a second create would be a second
    /// record.
    async fn after_lost_create(
        &self,
        target: &Target<'_>,
        error: PortainerError,
    ) -> Result<Stack, PortainerStepError> {
        let lost = error.status().is_none();
        let deadline = self.deadline.at_most(DEPLOYMENT);
        for pause in Backoff::new(POLL, LONGEST_POLL) {
            if let Ok(stacks) = self.session.stacks().await {
                let found = stacks.into_iter().find(|stack| {
                    stack.endpoint_id == target.environment && stack.name == target.name
                });
                if let Some(stack) = found {
                    return Ok(stack);
                }
                if !lost {
                    break;
                }
            }
            if deadline.has_passed() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Err(error.into())
    }

    async fn update_stack(
        &self,
        target: &Target<'_>,
        id: u64,
        content: &StackContent,
        former: Option<&Former>,
    ) -> Result<(), PortainerStepError> {
        let written = self.session.update_stack(id, body(target, content)).await;
        let result = match written {
            Ok(stack) => self.deployed(stack).await,
            // Not taken up: nothing has changed.
            Err(error) if error.status().is_some_and(|status| status < 500) => {
                return Err(error.into());
            }
            Err(error) => match self.session.stack(id).await {
                // The answer was lost, or the server went on in the background.
                Ok(stack) if error.status().is_none() && stack.status == STACK_DEPLOYING => {
                    self.deployed(stack).await
                }
                _ => Err(error.into()),
            },
        };
        let Err(source) = result else {
            return Ok(());
        };
        let Some(former) = former.filter(|_| !is_transport(&source)) else {
            return Err(source);
        };
        let outcome = self.way_back(target, id, former).await;
        Err(PortainerStepError::Update {
            outcome,
            source: Box::new(source),
        })
    }

    /// A failed update may have taken down what ran: the former file and variables bring it back.
    async fn way_back(&self, target: &Target<'_>, id: u64, former: &Former) -> &'static str {
        if self.runs(target, &former.file).await {
            return "the former version still runs";
        }
        self.progress
            .now(target.vmid, "the former version is put back");
        let body = StackBody {
            environment: target.environment,
            file: &former.file,
            env: &former.env,
        };
        let back = match self.session.update_stack(id, body).await {
            Ok(stack) => self.deployed(stack).await.is_ok(),
            Err(_) => false,
        };
        if back && self.runs(target, &former.file).await {
            "the former version runs again"
        } else {
            "the former version could not be brought back, the stack is down"
        }
    }

    async fn runs(&self, target: &Target<'_>, file: &str) -> bool {
        let environment = target.environment;
        let found = if target.on_swarm {
            let services = self.session.stack_services(environment).await;
            services.map(|services| Runtime::Swarm {
                id: String::new(),
                services,
                configs: Vec::new(),
            })
        } else {
            let containers = self.session.compose_containers(environment).await;
            containers.map(Runtime::Compose)
        };
        let services = render::services_of(file);
        let lacking = found.map(|found| runtime::lacking(target.name, &services, &found));
        lacking.is_ok_and(|lacking| lacking.gone.is_empty())
    }

    /// Polls whatever the version: newer servers deploy in the background.
    async fn deployed(&self, mut stack: Stack) -> Result<(), PortainerStepError> {
        let deadline = Deadline::after(DEPLOYMENT);
        for pause in Backoff::new(POLL, LONGEST_POLL) {
            match stack.status {
                STACK_ACTIVE => return Ok(()),
                STACK_DEPLOYING if deadline.has_passed() => {
                    let minutes = DEPLOYMENT.as_secs() / 60;
                    return Err(PortainerStepError::Deadline { minutes });
                }
                STACK_DEPLOYING => {}
                _ => {
                    let reason = stack.failure().to_owned();
                    return Err(PortainerStepError::Deployment { reason });
                }
            }
            tokio::time::sleep(pause).await;
            match self.session.stack(stack.id).await {
                Ok(newer) => stack = newer,
                Err(error) if error.is_transient() && !deadline.has_passed() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn job(&self, at: Vmid, work: Work) -> Result<(), JobError> {
        let channel = Channel::to_vm(at, &self.context.paths);
        let mut say = |line: &phoenix_common::wire::Progress| {
            let text = format!("{}: {}", line.step, line.message);
            self.progress.now(at, &text);
        };
        channel
            .run_job(work, self.deadline, &mut say)
            .await
            .map(drop)
    }
}

fn target(vmid: Vmid, name: &str, environment: u64, on_swarm: bool) -> Target<'_> {
    Target {
        vmid,
        name,
        environment,
        on_swarm,
    }
}

fn body<'run>(target: &Target<'_>, content: &'run StackContent) -> StackBody<'run> {
    StackBody {
        environment: target.environment,
        file: &content.file,
        env: &content.env,
    }
}

/// The connection broke: what became of it, the next look sees.
fn is_transport(error: &PortainerStepError) -> bool {
    matches!(
        error,
        PortainerStepError::Portainer(PortainerError::Https { .. })
    )
}
