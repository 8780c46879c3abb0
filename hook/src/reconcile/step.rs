//! Carrying out a plan's actions, with a record of each.

use std::time::Instant;

use phoenix_common::fail_point;
use phoenix_common::log::Chain;

use super::run::Run;
use super::{Ending, ReconcileError};
use crate::execute::{ExecuteError, Executor};
use crate::plan::Plan;
use crate::plan::action::Action;
use crate::record::{Outcome, Step};

impl Run<'_> {
    /// Carries out the plan's actions in order. Stacks do not depend on each other: one that fails does not
    /// stop the next; anything else that fails ends the round. `None`: look again.
    pub(super) async fn execute(&mut self, plan: &Plan) -> Result<Option<Ending>, ReconcileError> {
        let mut fatal: Vec<(String, ExecuteError)> = Vec::new();
        for action in &plan.actions {
            let Err(error) = self.step(action).await? else {
                continue;
            };
            if !error.is_retryable() {
                fatal.push((action.to_string(), error));
            }
            if !matches!(action, Action::DeployStack { .. }) {
                break;
            }
        }
        if fatal.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.failed(&fatal)))
    }

    fn failed(&self, fatal: &[(String, ExecuteError)]) -> Ending {
        let only_time = fatal.iter().all(|(_, error)| error.is_deadline());
        let outcome = if only_time {
            Outcome::Waiting
        } else {
            Outcome::Failed
        };
        let mut ending = self.ending(outcome, &Plan::default(), only_time);
        ending.refused = fatal.iter().any(|(_, error)| error.is_refused());
        ending.open = fatal
            .iter()
            .map(|(action, error)| format!("{action}: {}", Chain(error)))
            .collect();
        ending
    }

    async fn step(&mut self, action: &Action) -> Result<Result<(), ExecuteError>, ReconcileError> {
        let vmid = self.order.vmid;
        let text = action.to_string();
        self.progress.say(vmid, &text);
        let started = Instant::now();
        let executor = Executor {
            context: self.context,
            progress: self.progress,
            vmid,
            deadline: self.deadline,
        };
        fail_point!("{vmid} before {text}");
        let result = executor.execute(action).await;
        fail_point!("{vmid} after {text}");
        if *action == Action::MakePortainerSecrets
            && let Some(desired) = super::desired(self.context, self.order)
        {
            // What the secrets go into could not be told before.
            self.desired = desired;
        }
        let error = match &result {
            Ok(report) => {
                self.warn(&report.warnings);
                String::new()
            }
            Err(error) => {
                // With no time left the last question had none either: its error would mislead.
                let text = if self.deadline.has_passed() {
                    "not done before the deadline; what was begun goes on in the guest".to_owned()
                } else {
                    Chain(error).to_string()
                };
                self.progress.say(vmid, &format!("failed: {text}"));
                text
            }
        };
        self.record.steps.push(Step {
            action: text,
            error,
            milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        self.write_record()?;
        Ok(result.map(|_| ()))
    }

    fn warn(&mut self, warnings: &[String]) {
        for warning in warnings {
            if !self.warnings.contains(warning) {
                self.warnings.push(warning.clone());
            }
        }
    }
}
