//! Carries out one action. Nothing is decided here: an action holds all it needs.

mod error;
mod machine;
pub mod portainer;

use std::time::Duration;

use phoenix_common::retry::Deadline;
use phoenix_common::secret::Secret;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, RequestBody, SwarmJoin, SwarmRole, Work, WorkReport};

pub use error::ExecuteError;
pub use machine::MachineExecutor;

use crate::channel::{CarriedPackage, Channel};
use crate::context::Context;
use crate::plan::action::{Action, Folders};
use crate::portainer::credentials::SecretFiles;
use crate::progress::Progress;

/// What an executor works with.
#[derive(Debug, Clone, Copy)]
pub struct Executor<'run> {
    pub context: &'run Context,
    pub progress: &'run Progress,
    /// The guest whose run this is, for progress lines.
    pub vmid: Vmid,
    pub deadline: Deadline,
}

impl Executor<'_> {
    /// # Errors
    /// The action was not carried out, or it is not known whether it was: observe anew.
    pub async fn execute(&self, action: &Action) -> Result<WorkReport, ExecuteError> {
        match action {
            Action::InstallAgent { vmid, .. } => self.install_agent(*vmid).await,
            Action::ApplyGuest { vmid, spec, .. } => {
                self.job(*vmid, Work::ApplyGuest(spec.clone())).await
            }
            Action::MakePortainerSecrets => {
                SecretFiles::new(&self.context.paths)
                    .generate_missing()
                    .map_err(Box::new)?;
                Ok(WorkReport::default())
            }
            Action::ApplyPortainer { vmid, spec, .. } => {
                self.job(*vmid, Work::ApplyPortainer(spec.clone())).await
            }
            Action::SwarmLeave { vmid, .. } => {
                self.job(*vmid, Work::SwarmLeave { force: true }).await
            }
            Action::SwarmRemoveNode { via, node_id, .. } => {
                let node_id = node_id.clone();
                self.job(*via, Work::SwarmNodeRemove { node_id }).await
            }
            Action::SwarmInit { vmid, init, .. } => {
                self.job(*vmid, Work::SwarmInit(init.clone())).await
            }
            Action::SwarmJoin {
                vmid,
                via,
                role,
                managers,
                advertise_address,
                ..
            } => {
                let join = SwarmJoin {
                    token: self.join_token(*via, *role).await?,
                    managers: managers.clone(),
                    advertise_address: advertise_address.clone(),
                };
                self.job(*vmid, Work::SwarmJoin(join)).await
            }
            Action::SwarmUpdateNode { via, update, .. } => {
                self.job(*via, Work::SwarmNodeUpdate(update.clone())).await
            }
            Action::DeployStack {
                via, spec, folders, ..
            } => {
                let mut report = WorkReport::default();
                for Folders { vmid, paths } in folders {
                    let paths = paths.clone();
                    let made = self.job(*vmid, Work::MakeFolders { paths }).await?;
                    report.changes.extend(made.changes);
                }
                let deployed = self.job(*via, Work::DeployStack(spec.clone())).await?;
                report.changes.extend(deployed.changes);
                report.warnings.extend(deployed.warnings);
                Ok(report)
            }
        }
    }

    async fn install_agent(&self, vmid: Vmid) -> Result<WorkReport, ExecuteError> {
        let package = CarriedPackage::load(&self.context.paths)?;
        self.channel(vmid)
            .install_agent(&package, self.deadline)
            .await?;
        Ok(WorkReport::default())
    }

    async fn join_token(&self, via: Vmid, role: SwarmRole) -> Result<Secret, ExecuteError> {
        let deadline = self.deadline.at_most(Duration::from_secs(30));
        let question = RequestBody::SwarmToken(role);
        match self.channel(via).answer(question, deadline).await? {
            Answer::SwarmToken(token) => Ok(token),
            _ => Err(ExecuteError::OtherAnswer { vmid: via }),
        }
    }

    fn channel(&self, vmid: Vmid) -> Channel {
        Channel::to(vmid, &self.context.paths)
    }

    async fn job(&self, at: Vmid, work: Work) -> Result<WorkReport, ExecuteError> {
        let report = self
            .channel(at)
            .run_job(work, self.deadline, &mut |line| {
                self.progress
                    .now(self.vmid, &format!("{}: {}", line.step, line.message));
            })
            .await?;
        Ok(report)
    }
}
