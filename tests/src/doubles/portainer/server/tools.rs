//! Deploying with the real tools: `docker-compose` and `docker stack`, which speak to a local port
//! that adds the agent's signature, as in the real server.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;

use super::Server;
use super::deploy::How;
use super::records::{Environment, Stack};
use crate::doubles::portainer::listen::{self, Handler};
use crate::doubles::portainer::wire::{self, Answer, Call};

const TOOL_DEADLINE: Duration = Duration::from_mins(15);

/// The local port's answers: the agent's.
struct LocalProxy {
    server: Arc<Server>,
    environment: Environment,
}

impl Handler for LocalProxy {
    async fn handle(self: Arc<Self>, call: Call) -> Option<Answer> {
        let path = call.path.trim_start_matches('/');
        let passed = self.server.pass_on(&self.environment, &call, path).await;
        let body = serde_json::json!({"message": "Proxy failure"});
        Some(passed.unwrap_or_else(|_| wire::json(502, &body)))
    }
}

impl Server {
    pub(super) async fn run_tools_up(
        &self,
        one: &Environment,
        stack: &Stack,
        how: How,
    ) -> Result<(), String> {
        let file = self.stack_file_path(stack.id).display().to_string();
        if stack.is_swarm() {
            let resolve = if how.pull { "always" } else { "never" };
            let resolve = format!("--resolve-image={resolve}");
            let mut words = vec!["stack", "deploy", "--with-registry-auth", &resolve];
            if how.prune {
                words.push("--prune");
            }
            words.extend(["-c", &file, &stack.name]);
            return self.run_docker(one, &words, &stack.variables()).await;
        }
        let mut words = vec!["up", "-d"];
        if how.prune && self.options.version.prunes_standalone() {
            words.push("--remove-orphans");
        }
        if how.pull {
            words.extend(["--pull", "always"]);
        }
        self.run_compose(one, stack, &words).await
    }

    pub(super) async fn run_tools_down(
        &self,
        one: &Environment,
        stack: &Stack,
    ) -> Result<(), String> {
        if stack.is_swarm() {
            let words = ["stack", "rm", stack.name.as_str()];
            return self.run_docker(one, &words, &[]).await;
        }
        self.run_compose(one, stack, &["down", "--remove-orphans"])
            .await
    }

    async fn run_compose(
        &self,
        one: &Environment,
        stack: &Stack,
        work: &[&str],
    ) -> Result<(), String> {
        let project = stack.project();
        let file = self.stack_file_path(stack.id);
        let mut words = vec!["-p".to_owned(), project];
        // A stack is taken down by its name alone: its file may be the one that failed.
        if work.first() == Some(&"up") {
            words.extend(["-f".to_owned(), file.display().to_string()]);
            let env_file = file.with_file_name("stack.env");
            if env_file.exists() {
                words.extend(["--env-file".to_owned(), env_file.display().to_string()]);
            }
        }
        words.extend(work.iter().map(|word| (*word).to_owned()));
        self.run_tool(one, "docker-compose", &words, &[]).await
    }

    async fn run_docker(
        &self,
        one: &Environment,
        words: &[&str],
        env: &[(String, String)],
    ) -> Result<(), String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        self.run_tool(one, "docker", &words, env).await
    }

    async fn run_tool(
        &self,
        one: &Environment,
        tool: &str,
        words: &[String],
        env: &[(String, String)],
    ) -> Result<(), String> {
        let listener = listen::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let proxy = LocalProxy {
            server: self.this().ok_or("the server ends")?,
            environment: one.clone(),
        };
        let serving = tokio::spawn(listen::serve(listener, None, Arc::new(proxy)));
        let mut command = Command::new(self.options.tools.join(tool));
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(self.leaked())
            .envs(env.iter().map(|(name, value)| (name, value)))
            .env("DOCKER_HOST", format!("tcp://{address}"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let ran = tokio::time::timeout(TOOL_DEADLINE, command.output()).await;
        serving.abort();
        let output = ran.map_err(|_| format!("{tool}: context deadline exceeded"))?;
        let output = output.map_err(|error| format!("{tool}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(last_words(&output))
    }

    /// The variables of the server's own environment that stack files can read: all of them up to
    /// 2.23, none later.
    pub(super) fn leaked(&self) -> Vec<(String, String)> {
        if !self.options.version.runs_deploy_program() {
            return Vec::new();
        }
        let mut leaked = vec![("HOME".to_owned(), "/root".to_owned())];
        if let Some(secret) = &self.options.agent_secret {
            leaked.push(("AGENT_SECRET".to_owned(), secret.clone()));
        }
        leaked
    }

    pub(super) fn stack_folder(&self, id: i64) -> PathBuf {
        self.options.data.join("compose").join(id.to_string())
    }

    pub(super) fn stack_file_path(&self, id: i64) -> PathBuf {
        self.stack_folder(id).join("docker-compose.yml")
    }
}

/// What a failed tool said, without its progress.
fn last_words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_progress = |line: &&str| line.starts_with(' ') || line.trim().is_empty();
    let lines: Vec<&str> = text.lines().filter(|line| !is_progress(line)).collect();
    lines.join("\n")
}
