//! A sync from its plan to its report.

use std::time::Duration;

use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;

use super::Options;
use super::guests::{self, GuestPlan};
use super::report::{Report, show_plans};
use super::scope::Scope;
use crate::commands::consent;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::observe::portainer::observe;
use crate::plan::portainer::{self, PortainerPlan};
use crate::portainer::reach::HTTP_PORT;
use crate::progress::Progress;
use crate::reconcile::Order;
use crate::reconcile::portainer::{PortainerEnding, PortainerOrder, bring};

pub(super) struct Sync<'run> {
    pub context: &'run Context,
    pub scope: &'run Scope,
    pub options: &'run Options,
    pub progress: &'run Progress,
}

impl Sync<'_> {
    pub(super) async fn run(&self) -> Exit {
        let (plans, portainer) = self.plans().await;
        let changes = plans.iter().any(|guest| !guest.plan.actions.is_empty())
            || portainer
                .as_ref()
                .is_some_and(|plan| !plan.actions.is_empty());
        if !self.options.json || self.options.dry_run {
            show_plans(&plans, portainer.as_ref(), self.options.json);
        }
        if self.options.dry_run {
            return if changes {
                Exit::ChangesPlanned
            } else {
                Exit::Converged
            };
        }
        if let Err(exit) = self.agree(portainer.as_ref()) {
            return exit;
        }
        let results = guests::bring(
            self.context,
            self.scope,
            plans,
            &|vmid| self.order(vmid),
            self.progress,
        )
        .await;
        let moved = results.iter().any(|result| result.actions_done > 0);
        let ending = self.portainer(portainer.filter(|_| !moved)).await;
        let report = Report {
            scope: &self.scope.name,
            stacks: self.stacks(),
            guests: results,
            portainer: ending,
            login: self.login(),
        };
        self.progress.finish();
        report.tell(self.options.json)
    }

    async fn plans(&self) -> (Vec<GuestPlan>, Option<PortainerPlan>) {
        let guests = guests::plans(self.context, self.scope);
        let portainer = async {
            let desired = self.scope.portainer.as_ref()?;
            let observed = observe(self.context, desired, &mut None).await;
            Some(portainer::plan(desired, &observed))
        };
        futures_util::future::join(guests, portainer).await
    }

    /// What is taken away is asked for.
    fn agree(&self, plan: Option<&PortainerPlan>) -> Result<(), Exit> {
        let actions = plan.map_or(&[][..], |plan| &plan.actions);
        let removals = actions.iter().filter(|action| action.removes());
        let removals: Vec<String> = removals.map(ToString::to_string).collect();
        if removals.is_empty() {
            return Ok(());
        }
        consent::ask(&format!("will {}", removals.join("; ")), self.options.yes)
    }

    fn deadline(&self) -> Duration {
        let settings = &self.context.config.hypervisor;
        let seconds = self.options.deadline;
        Duration::from_secs(seconds.unwrap_or(settings.converge_deadline_seconds))
    }

    fn order(&self, vmid: Vmid) -> Order {
        let deadline = self.deadline();
        let wait = Duration::from_secs(self.context.config.hypervisor.agent_wait_seconds);
        Order {
            vmid,
            verb: "sync",
            trigger: format!("phoenix {}", self.scope.name),
            wait_for_others: true,
            arrives: false,
            // All of Portainer comes at once, after the guests.
            portainer: false,
            only_stack: self.scope.only_stack.clone(),
            deadline,
            agent_wait: wait.min(deadline),
        }
    }

    async fn portainer(&self, plan: Option<PortainerPlan>) -> Option<PortainerEnding> {
        let desired = self.scope.portainer.clone()?;
        if plan.is_some_and(|plan| plan.is_converged()) {
            return Some(PortainerEnding::converged());
        }
        let order = PortainerOrder {
            context: self.context,
            desired,
            verb: "sync",
            vmid: None,
            progress: self.progress,
            wait_for_others: false,
            deadline: Deadline::after(self.deadline()),
        };
        Some(bring(&order).await)
    }

    fn login(&self) -> Option<String> {
        let desired = self.scope.portainer.as_ref()?;
        let guest = self.context.config.guests.get(&desired.primary)?;
        let address = guest.network?.address.addr();
        let settings = &self.context.config.hypervisor.portainer;
        let (scheme, port) = if settings.plain_http {
            ("http", HTTP_PORT)
        } else {
            ("https", settings.https_port)
        };
        Some(format!(
            "Portainer: {scheme}://{address}:{port}, user {} (phoenix portainer password)",
            desired.user
        ))
    }

    fn stacks(&self) -> usize {
        let portainer = self.scope.portainer.as_ref();
        portainer.map_or(0, crate::plan::portainer::desired::PortainerDesired::stacks)
    }
}
