//! Questions to one guest's QEMU guest agent.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::error::QgaError;
use super::protocol::CommandSpec;
use crate::retry::Deadline;

/// Longest reply to a short question, in bytes.
pub(super) const PROBE_REPLY_LIMIT_BYTES: usize = 64 << 10;
/// How long a reply may take once the agent has answered at all. Proxmox's own client waits as long
/// (`QMPClient.pm`).
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// The agent of one guest. Holds no connection: each question opens one and closes it, so that Proxmox
/// (shutdown, backup, GUI) gets its turn.
#[derive(Debug, Clone)]
pub struct QgaClient {
    socket: PathBuf,
    lock: PathBuf,
    reply_timeout: Duration,
}

/// The agent's version and which commands it lets us use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GuestInfo {
    pub version: String,
    supported_commands: Vec<SupportedCommand>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct SupportedCommand {
    name: String,
    enabled: bool,
}

impl GuestInfo {
    /// Whether the agent knows the command and may run it.
    pub fn allows(&self, command: &str) -> bool {
        self.supported_commands
            .iter()
            .any(|supported| supported.name == command && supported.enabled)
    }
}

#[derive(Serialize)]
pub(super) struct NoArguments {}

#[derive(Deserialize)]
struct Nothing {}

impl QgaClient {
    /// The agent behind `socket`; Phoenix's own processes take turns by `lock`.
    pub fn new(socket: impl Into<PathBuf>, lock: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            lock: lock.into(),
            reply_timeout: REPLY_TIMEOUT,
        }
    }

    /// With another limit for a single reply than 5 s.
    #[must_use]
    pub fn with_reply_timeout(mut self, timeout: Duration) -> Self {
        self.reply_timeout = timeout;
        self
    }

    /// Whether the agent answers.
    ///
    /// # Errors
    /// See [`QgaError`]; never retried.
    pub async fn ping(&self, deadline: Deadline) -> Result<(), QgaError> {
        let Nothing {} = self.ask(probe("guest-ping"), deadline).await?;
        Ok(())
    }

    /// The agent's version and commands.
    pub async fn info(&self, deadline: Deadline) -> Result<GuestInfo, QgaError> {
        self.ask(probe("guest-info"), deadline).await
    }

    /// Fails with [`QgaError::ExecBlocked`] if the guest's agent would not run programs for us.
    pub async fn require_exec(&self, deadline: Deadline) -> Result<(), QgaError> {
        let info = self.info(deadline).await?;
        let blocked = ["guest-exec", "guest-exec-status"]
            .into_iter()
            .find(|command| !info.allows(command));
        match blocked {
            Some(command) => Err(QgaError::ExecBlocked { command }),
            None => Ok(()),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        command: CommandSpec,
        deadline: Deadline,
    ) -> Result<T, QgaError> {
        self.call(command, None::<&NoArguments>, deadline).await
    }

    /// One command on a connection of its own.
    pub(super) async fn call<A: Serialize, T: DeserializeOwned>(
        &self,
        command: CommandSpec,
        arguments: Option<&A>,
        deadline: Deadline,
    ) -> Result<T, QgaError> {
        let mut connection =
            Connection::open(&self.socket, &self.lock, self.reply_deadline(deadline)).await?;
        let deadline = self.reply_deadline(deadline);
        connection.call(command, arguments, deadline).await
    }

    fn reply_deadline(&self, deadline: Deadline) -> Deadline {
        deadline.at_most(self.reply_timeout)
    }
}

fn probe(name: &'static str) -> CommandSpec {
    CommandSpec {
        name,
        reply_limit_bytes: PROBE_REPLY_LIMIT_BYTES,
    }
}
