//! Starting, stopping, deleting and re-attaching stacks.

use std::fs;

use super::Server;
use super::deploy::How;
use super::records::{Deployment, Stack};
use super::stack_create::endpoint_id;
use super::stack_update::Change;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call};

impl Server {
    pub(super) async fn start_stack(&self, call: &Call, id: i64) -> Result<Answer, Refusal> {
        let mut stack = self.known_stack(id)?;
        let one = self.known_environment(endpoint_id(call)?)?;
        if self.options.version.is_asynchronous() {
            let refused = match stack.status {
                1 => Some("Stack is already active"),
                3 => Some("Stack deployment is already in progress"),
                4 => Some("Stack is in error state"),
                _ => None,
            };
            if let Some(details) = refused {
                return Err(Refusal::new(409, "Unable to start stack", details));
            }
        }
        let running = self.is_running(&one, &stack).await;
        let running = running
            .map_err(|wrong| Refusal::new(500, "Unable to check for name collision", &wrong))?;
        if running {
            let text = format!("A stack with the name '{}' is already running", stack.name);
            return Err(Refusal::same(409, &text));
        }
        if stack.status == 1 {
            return Err(Refusal::same(400, "Stack is already active"));
        }
        let file = fs::read_to_string(self.stack_file_path(id)).unwrap_or_default();
        let how = How {
            prune: stack.prune.unwrap_or(false),
            pull: false,
        };
        let change = Change {
            one,
            stack: stack.clone(),
            file,
            how,
            before: None,
        };
        {
            let _one_at_a_time = self.deploying.lock().await;
            let started = self.bring_up(&change).await;
            started.map_err(|wrong| Refusal::new(500, "Unable to start stack", &wrong))?;
        }
        self.set_status(&mut stack, 1);
        stack.deployment = stack.deployment.pop().into_iter().collect();
        self.store_changed(&stack);
        Ok(wire::json(200, &self.shown_stack(&stack, false)))
    }

    pub(super) async fn stop_stack(&self, call: &Call, id: i64) -> Result<Answer, Refusal> {
        let mut stack = self.known_stack(id)?;
        let one = self.known_environment(endpoint_id(call)?)?;
        match stack.status {
            2 => return Err(Refusal::same(400, "Stack is already inactive")),
            3 => return Err(Refusal::same(409, "Stack deployment is in progress")),
            _ => {}
        }
        let stopped = self.take_down(&one, &stack).await;
        stopped.map_err(|wrong| {
            let details = format!("{}{wrong}", removing(&stack));
            Refusal::new(500, "Unable to stop stack", &details)
        })?;
        self.set_status(&mut stack, 2);
        self.store_changed(&stack);
        Ok(wire::json(200, &self.shown_stack(&stack, false)))
    }

    fn set_status(&self, stack: &mut Stack, status: i64) {
        stack.status = status;
        let line = Deployment::new(status, self.clock.unix());
        stack.deployment.push(line);
    }

    /// Takes down by name on the environment of the query, whichever that is, and forgets the record.
    pub(super) async fn delete_stack(&self, call: &Call, id: i64) -> Result<Answer, Refusal> {
        let stack = self.known_stack(id)?;
        let endpoint = call
            .parameter("endpointId")
            .and_then(|text| text.parse().ok());
        let message = "Unable to find the endpoint associated to the stack inside the database";
        let one = self.environment(endpoint.unwrap_or(0), message)?;
        // A deployment in progress is waited for: it ends in the same guest.
        let _one_at_a_time = self.deploying.lock().await;
        if let Err(wrong) = self.take_down(&one, &stack).await {
            let text = format!("{}{wrong}", removing(&stack));
            if self.options.version.is_asynchronous() {
                self.finish_deployment(id, 4, text.clone());
            }
            return Err(Refusal::same(500, &text));
        }
        self.database.write(|tables| {
            tables.stacks.retain(|other| other.id != id);
            let resource = stack.resource_id();
            let is_named = tables
                .stacks
                .iter()
                .any(|other| other.resource_id() == resource);
            if !is_named {
                tables
                    .resource_controls
                    .retain(|control| control.resource_id != resource);
            }
        });
        self.remove_stack_files(id);
        Ok(wire::empty(204))
    }

    /// Gives an orphan a home; nothing is deployed.
    pub(super) fn associate(&self, call: &Call, id: i64) -> Result<Answer, Refusal> {
        let mut stack = self.known_stack(id)?;
        let one = self.known_environment(endpoint_id(call)?)?;
        stack.endpoint_id = one.id;
        stack.updated = 0;
        stack.updated_by = String::new();
        stack.swarm_id = call.parameter("swarmId").unwrap_or_default();
        let is_running = call.parameter("orphanedRunning");
        stack.status = if is_running.is_some_and(|text| text == "true") {
            1
        } else {
            2
        };
        self.store_changed(&stack);
        self.database
            .write(|tables| tables.ensure_control(&stack.resource_id(), 6, None));
        Ok(wire::json(200, &self.shown_stack(&stack, true)))
    }
}

/// What stands before the tool's text when a stack could not be removed.
fn removing(stack: &Stack) -> &'static str {
    if stack.is_swarm() {
        ""
    } else {
        "failed to remove a stack: "
    }
}
