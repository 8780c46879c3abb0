//! Updating stacks, and deployments that go on after the answer.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::Server;
use super::auth::Caller;
use super::deploy::How;
use super::records::{Deployment, Environment, Stack};
use super::stack_create::{deploy_refused, endpoint_id};
use crate::doubles::portainer::payload::Payload;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call};

/// A deployment of a changed or new record.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) one: Environment,
    pub(super) stack: Stack,
    pub(super) file: String,
    pub(super) how: How,
    /// What an update replaces: the record and its file.
    pub(super) before: Option<(Stack, String)>,
}

/// How long a deployment takes at least: the answer comes before its end.
const TOOL_START: Duration = Duration::from_millis(50);
const IN_PROGRESS: &str = "Stack deployment is already in progress";

impl Server {
    pub(super) async fn update_stack(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
    ) -> Result<Answer, Refusal> {
        let stack = self.known_stack(id)?;
        let message = "Unable to find the environment associated to the stack inside the database";
        let one = self.environment(endpoint_id(call)?, message)?;
        if stack.status == 3 {
            return Err(Refusal::new(409, "Unable to update stack", IN_PROGRESS));
        }
        let payload = Payload::of(&call.body)?;
        let file = payload.text("StackFileContent")?;
        if file.is_empty() {
            return Err(Refusal::payload("invalid stack file content"));
        }
        let how = How {
            prune: payload.flag("Prune")?,
            pull: payload.flag("RepullImageAndRedeploy")? || payload.flag("PullImage")?,
        };
        let mut changed = stack.clone();
        // A left out Env wipes the old one; another environment's id moves the record there.
        changed.env = payload.get("Env").cloned().unwrap_or(Value::Null);
        changed.endpoint_id = one.id;
        changed.updated_by = self.user_name(caller);
        let before = fs::read_to_string(self.stack_file_path(id)).map_err(|error| {
            Refusal::new(
                500,
                "Unable to persist updated Compose file on disk",
                &error.to_string(),
            )
        })?;
        self.write_stack_files(&changed, &file)?;
        let change = Change {
            one,
            stack: changed,
            file,
            how,
            before: Some((stack, before)),
        };
        if self.options.version.is_asynchronous() {
            return Ok(self.update_later(change));
        }
        self.update_now(change).await
    }

    /// A failure takes down what ran, and puts the file back.
    async fn update_now(&self, mut change: Change) -> Result<Answer, Refusal> {
        let deployed = {
            let _one_at_a_time = self.deploying.lock().await;
            let deployed = self.bring_up(&change).await;
            if deployed.is_err() && !change.stack.is_swarm() {
                // What fails here too is not told: the update's error counts.
                let _ = self.take_down(&change.one, &change.stack).await;
            }
            deployed
        };
        if let Err(wrong) = deployed {
            if let Some((stack, file)) = &change.before {
                self.write_stack_files(stack, file)?;
            }
            return Err(deploy_refused(change.stack.is_swarm(), &wrong));
        }
        let changed = &mut change.stack;
        changed.status = 1;
        changed.updated = self.clock.unix();
        if changed.is_swarm() && self.options.version.keeps_prune() {
            changed.prune = Some(change.how.prune);
        }
        self.store_changed(changed);
        Ok(wire::json(200, &self.shown_stack(changed, false)))
    }

    fn update_later(&self, mut change: Change) -> Answer {
        let changed = &mut change.stack;
        changed.status_before = changed.status;
        changed.status = 3;
        changed.updated = self.clock.unix();
        changed.prune = Some(change.how.prune);
        changed.deployment = vec![Deployment::new(3, self.clock.unix())];
        self.store_changed(changed);
        let answer = wire::json(200, &self.shown_stack(changed, false));
        self.deploy_later(change);
        answer
    }

    /// Deploys after the answer; the former file is put back when it fails.
    pub(super) fn deploy_later(&self, change: Change) {
        let Some(server) = self.this() else {
            return;
        };
        tokio::spawn(async move {
            let _one_at_a_time = server.deploying.lock().await;
            tokio::time::sleep(TOOL_START).await;
            let deployed = server.bring_up(&change).await;
            if let (Err(_), Some((_, before))) = (&deployed, &change.before) {
                // The record's Env stays the new one, only the file is rolled back.
                let _ = fs::write(server.stack_file_path(change.stack.id), before);
            }
            let (status, message) = match deployed {
                Ok(()) => (1, String::new()),
                Err(wrong) if change.stack.is_swarm() => (4, wrong),
                Err(wrong) => (4, format!("failed to deploy a stack: {wrong}")),
            };
            server.finish_deployment(change.stack.id, status, message);
        });
    }

    pub(super) fn finish_deployment(&self, id: i64, status: i64, message: String) {
        let time = self.clock.unix();
        self.database.write(|tables| {
            let mut all = tables.stacks.iter_mut();
            // It may have been deleted meanwhile.
            if let Some(stack) = all.find(|stack| stack.id == id) {
                stack.status = status;
                stack.deployment.push(Deployment {
                    status,
                    time,
                    message,
                });
            }
        });
    }

    /// Deployments that the last run of the server did not finish.
    pub(super) fn interrupt_deployments(&self) {
        let time = self.clock.unix();
        self.database.write(|tables| {
            for stack in tables.stacks.iter_mut().filter(|stack| stack.status == 3) {
                stack.status = 4;
                stack.deployment.push(Deployment {
                    status: 4,
                    time,
                    message: "Deployment interrupted by server restart".to_owned(),
                });
            }
        });
    }

    pub(super) fn store_changed(&self, changed: &Stack) {
        self.database.write(|tables| {
            let mut all = tables.stacks.iter_mut();
            if let Some(stored) = all.find(|stored| stored.id == changed.id) {
                stored.clone_from(changed);
            }
        });
    }

    /// The compose file and, with variables, `stack.env`: raw lines, no quoting.
    pub(super) fn write_stack_files(&self, stack: &Stack, file: &str) -> Result<(), Refusal> {
        let folder = self.stack_folder(stack.id);
        let env_file = folder.join("stack.env");
        let mut lines = String::new();
        for (name, value) in stack.variables() {
            lines.extend([name.as_str(), "=", &value, "\n"]);
        }
        let written = fs::create_dir_all(&folder)
            .and_then(|()| fs::write(self.stack_file_path(stack.id), file))
            .and_then(|()| match (lines.is_empty(), env_file.exists()) {
                (true, true) => fs::remove_file(&env_file),
                (true, false) => Ok(()),
                _ => fs::write(&env_file, lines),
            });
        let message = "Unable to persist Compose file on disk";
        written.map_err(|error| Refusal::new(500, message, &error.to_string()))
    }

    pub(super) fn remove_stack_files(&self, id: i64) {
        // What is not there needs no removing.
        let _ = fs::remove_dir_all(self.stack_folder(id));
    }
}
