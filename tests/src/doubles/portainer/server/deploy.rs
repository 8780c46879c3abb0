//! Bringing stacks up and down in a guest, through its agent.

use std::time::Duration;

use serde::Serialize;

use super::Server;
use super::agents::post;
use super::records::{Environment, Stack};
use super::stack_update::Change;
use crate::doubles::portainer::guest::{DeployRequest, DownRequest, RemoveRequest, UpRequest};

const DEPLOY_DEADLINE: Duration = Duration::from_mins(15);
/// How long a removed Swarm stack may take to be gone.
const GONE_DEADLINE: Duration = Duration::from_mins(1);
const GONE_PAUSE: Duration = Duration::from_millis(100);

/// How a stack is brought up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How {
    pub(super) prune: bool,
    pub(super) pull: bool,
}

impl Server {
    /// # Errors
    /// The deploy tool's text.
    pub(super) async fn bring_up(&self, change: &Change) -> Result<(), String> {
        let Change {
            one,
            stack,
            file,
            how,
            ..
        } = change;
        if !one.is_memory {
            return self.run_tools_up(one, stack, *how).await;
        }
        if stack.is_swarm() {
            let request = DeployRequest {
                name: stack.name.clone(),
                file: file.clone(),
                env: stack.variables(),
                prune: how.prune,
            };
            return self.ask_memory(one, "deploy", &request).await;
        }
        let request = UpRequest {
            project: stack.project(),
            file: file.clone(),
            path: self.stack_file_path(stack.id).display().to_string(),
            env: stack.variables(),
            leaked: self.leaked(),
            remove_orphans: how.prune && self.options.version.prunes_standalone(),
            recreate: how.pull && !self.options.version.runs_deploy_program(),
        };
        self.ask_memory(one, "up", &request).await
    }

    /// # Errors
    /// As [`Self::bring_up`].
    pub(super) async fn take_down(&self, one: &Environment, stack: &Stack) -> Result<(), String> {
        if !one.is_memory {
            self.run_tools_down(one, stack).await?;
        } else if stack.is_swarm() {
            let name = stack.name.clone();
            self.ask_memory(one, "remove", &RemoveRequest { name })
                .await?;
        } else {
            let project = stack.project();
            self.ask_memory(one, "down", &DownRequest { project })
                .await?;
        }
        if stack.is_swarm() && self.options.version.is_asynchronous() {
            self.wait_until_gone(one, stack).await;
        }
        Ok(())
    }

    /// Newer servers wait until nothing is left.
    async fn wait_until_gone(&self, one: &Environment, stack: &Stack) {
        let waiting = async {
            while !self.is_gone(one, &stack.name).await {
                tokio::time::sleep(GONE_PAUSE).await;
            }
        };
        // After the deadline the answer comes anyway.
        let _ = tokio::time::timeout(GONE_DEADLINE, waiting).await;
    }

    async fn is_gone(&self, one: &Environment, name: &str) -> bool {
        if one.is_memory {
            let name = name.to_owned();
            return self
                .ask_memory(one, "is-gone", &RemoveRequest { name })
                .await
                .is_ok();
        }
        let networks = self.look(one, "/networks").await.unwrap_or_default();
        let label = "com.docker.stack.namespace";
        let list = networks.as_array().cloned().unwrap_or_default();
        !list.iter().any(|network| network["Labels"][label] == name)
    }

    async fn ask_memory<T: Serialize>(
        &self,
        one: &Environment,
        work: &str,
        request: &T,
    ) -> Result<(), String> {
        let body = serde_json::to_vec(request).map_err(|error| error.to_string())?;
        let path = format!("/memory/{work}");
        let asked = self.ask(one, post(&path, body), DEPLOY_DEADLINE).await;
        let (status, body) =
            asked.map_err(|_| "Error response from daemon: Proxy failure".to_owned())?;
        if status == 204 {
            return Ok(());
        }
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        Err(body["message"].as_str().unwrap_or_default().to_owned())
    }
}
