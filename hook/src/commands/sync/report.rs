//! What a sync says before and after.

use phoenix_common::untrusted::Untrusted;
use serde_json::json;

use super::guests::{GuestPlan, GuestResult};
use crate::commands::{print_json, print_line};
use crate::exit_code::Exit;
use crate::plan::portainer::PortainerPlan;
use crate::reconcile::portainer::PortainerEnding;
use crate::record::Outcome;

/// What would be done, guests first.
pub(super) fn show_plans(guests: &[GuestPlan], portainer: Option<&PortainerPlan>, json: bool) {
    if json {
        return print_json(&json!({
            "schema_version": 1, "guests": guests, "portainer": portainer,
        }));
    }
    for guest in guests {
        show(&guest.vmid.to_string(), &guest.plan.to_string());
    }
    if let Some(plan) = portainer {
        show("Portainer", &plan.to_string());
    }
}

fn show(who: &str, plan: &str) {
    if !plan.is_empty() {
        print_line(&format!("{who}:\n{}", plan.trim_end()));
    }
}

/// Everything that came out.
pub(super) struct Report<'run> {
    pub scope: &'run str,
    /// How many stacks Portainer deploys here.
    pub stacks: usize,
    pub guests: Vec<GuestResult>,
    pub portainer: Option<PortainerEnding>,
    /// Where its web page is, and who logs in there.
    pub login: Option<String>,
}

impl Report<'_> {
    /// Prints it; the exit code it stands for.
    pub(super) fn tell(&self, json: bool) -> Exit {
        let exit = self.exit();
        if json {
            self.print_json(exit);
            return exit;
        }
        for guest in &self.guests {
            for line in &guest.open {
                print_line(&format!("{}: {}", guest.vmid, Untrusted(line)));
            }
        }
        let open = self.portainer.iter().flat_map(|ending| &ending.open);
        for line in open {
            print_line(&format!("Portainer: {}", Untrusted(line)));
        }
        print_line(&format!("{}: {}", self.scope, self.summary()));
        if let Some(login) = &self.login {
            print_line(login);
        }
        exit
    }

    /// `2 of 2 guests, 3 of 5 stacks, 2 failed: a, b (7 steps)`.
    fn summary(&self) -> String {
        let mut parts = Vec::new();
        if !self.guests.is_empty() {
            let fine = self
                .guests
                .iter()
                .filter(|guest| guest.outcome == Outcome::Converged);
            parts.push(format!("{} of {} guests", fine.count(), self.guests.len()));
        }
        if self.stacks > 0 {
            let failed = self.failed_stacks();
            let fine = self.stacks.saturating_sub(failed.len());
            let all = self.stacks;
            parts.push(if failed.is_empty() {
                format!("{all} of {all} stacks")
            } else {
                format!(
                    "{fine} of {all} stacks, {} failed: {}",
                    failed.len(),
                    failed.join(", ")
                )
            });
        }
        let steps = match self.steps() {
            0 => "nothing written".to_owned(),
            1 => "1 step".to_owned(),
            steps => format!("{steps} steps"),
        };
        parts.push(steps);
        parts.join(", ")
    }

    /// Where Portainer itself could not be reached, none of its stacks is known to be well.
    fn failed_stacks(&self) -> Vec<String> {
        self.portainer
            .as_ref()
            .map_or_else(Vec::new, |ending| ending.failed_stacks.clone())
    }

    fn steps(&self) -> usize {
        let guests: usize = self.guests.iter().map(|guest| guest.actions_done).sum();
        let portainer = self.portainer.iter().flat_map(|ending| &ending.steps);
        guests + portainer.filter(|step| step.error.is_empty()).count()
    }

    fn exit(&self) -> Exit {
        let guests = self
            .guests
            .iter()
            .map(|guest| (guest.outcome, guest.refused));
        let portainer = self
            .portainer
            .iter()
            .map(|ending| (ending.outcome, ending.refused));
        let outcomes: Vec<(Outcome, bool)> = guests.chain(portainer).collect();
        let is_bad = |outcome: Outcome| {
            matches!(
                outcome,
                Outcome::Failed | Outcome::Blocked | Outcome::Interrupted
            )
        };
        let mut bad = outcomes
            .iter()
            .filter(|(outcome, _)| is_bad(*outcome))
            .peekable();
        if bad.peek().is_some() {
            return if bad.all(|(_, refused)| *refused) {
                Exit::Refused
            } else {
                Exit::Failed
            };
        }
        if outcomes
            .iter()
            .any(|(outcome, _)| *outcome != Outcome::Converged)
        {
            return Exit::DeadlinePassed;
        }
        Exit::Converged
    }

    fn print_json(&self, exit: Exit) {
        let portainer = self.portainer.as_ref().map(|ending| {
            json!({
                "outcome": ending.outcome,
                "steps": ending.steps,
                "open": ending.open,
                "stacks": self.stacks,
                "failed_stacks": ending.failed_stacks,
            })
        });
        print_json(&json!({
            "schema_version": 1,
            "scope": self.scope,
            "converged": exit == Exit::Converged,
            "steps": self.steps(),
            "guests": self.guests,
            "portainer": portainer,
        }));
    }
}
