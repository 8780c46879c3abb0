//! Runs a program in the guest: started on one short connection, asked after on others.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};

use super::client::{PROBE_REPLY_LIMIT_BYTES, QgaClient};
use super::error::QgaError;
use super::protocol::CommandSpec;
use crate::retry::{Backoff, Deadline};

/// Longest reply with a program's output, in bytes; the agent keeps 16 MiB per stream, 22 MB as base64.
const STATUS_REPLY_LIMIT_BYTES: usize = 24 << 20;
const FIRST_POLL: Duration = Duration::from_millis(10);
const LONGEST_POLL: Duration = Duration::from_millis(500);

/// A program to run in the guest. Nothing secret in the arguments: every process of the guest sees them.
#[derive(Debug, Clone)]
pub struct Exec {
    program: String,
    arguments: Vec<String>,
    stdin: Vec<u8>,
    reply_limit_bytes: usize,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    Code(i32),
    Signal(i32),
}

/// What a program left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    pub exit: ExitKind,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// The agent cut one of the streams (16 MiB each).
    pub truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ExecArguments<'exec> {
    path: &'exec str,
    arg: &'exec [String],
    capture_output: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_data: Option<String>,
}

#[derive(Deserialize)]
struct Started {
    pid: i64,
}

#[derive(Serialize)]
struct StatusArguments {
    pid: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Status {
    exited: bool,
    #[serde(rename = "exitcode")]
    exit_code: Option<i32>,
    signal: Option<i32>,
    #[serde(default, deserialize_with = "from_base64")]
    out_data: Vec<u8>,
    #[serde(default, deserialize_with = "from_base64")]
    err_data: Vec<u8>,
    #[serde(default)]
    out_truncated: bool,
    #[serde(default)]
    err_truncated: bool,
}

impl Exec {
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            stdin: Vec::new(),
            reply_limit_bytes: STATUS_REPLY_LIMIT_BYTES,
        }
    }

    #[must_use]
    pub fn args<I, S>(mut self, arguments: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The program's whole input; at most 45 MiB fit (the agent's JSON parser stops at 64 MiB of base64).
    #[must_use]
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = content.into();
        self
    }

    /// Takes at most this much output of both streams together; the default is what the agent can send.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        let as_reply = bytes.saturating_mul(4) / 3 + 1024;
        self.reply_limit_bytes = as_reply.min(STATUS_REPLY_LIMIT_BYTES);
        self
    }
}

impl ExecOutput {
    /// Whether it ended by itself with 0.
    pub fn succeeded(&self) -> bool {
        self.exit == ExitKind::Code(0)
    }
}

impl QgaClient {
    /// Runs a program to its end. The start is sent once and never repeated: when its reply is lost,
    /// the program may run all the same. Asking after it is repeated until `deadline`.
    ///
    /// A child that keeps the program's stdout or stderr open counts as the program running.
    ///
    /// # Errors
    /// [`QgaError::ProcessLost`] when the agent does not know the process any more (agent restarted, guest
    /// rebooted, reply lost); [`QgaError::ExecDeadline`] when it goes on past the deadline.
    pub async fn exec(&self, exec: &Exec, deadline: Deadline) -> Result<ExecOutput, QgaError> {
        let pid = self.start(exec, deadline).await?;
        let mut unanswered = None;
        for wait in Backoff::new(FIRST_POLL, LONGEST_POLL) {
            tokio::time::sleep(wait.min(deadline.remaining())).await;
            unanswered = match self.status(exec, pid, deadline).await {
                Ok(status) if status.exited => return status.into_output(),
                Ok(_) => None,
                Err(QgaError::AgentError { .. }) => {
                    return Err(QgaError::ProcessLost {
                        program: exec.program.clone(),
                    });
                }
                Err(error @ (QgaError::Silent { .. } | QgaError::LockBusy { .. })) => Some(error),
                Err(error) => return Err(error),
            };
            if deadline.has_passed() {
                break;
            }
        }
        Err(unanswered.unwrap_or_else(|| QgaError::ExecDeadline {
            program: exec.program.clone(),
        }))
    }

    async fn start(&self, exec: &Exec, deadline: Deadline) -> Result<i64, QgaError> {
        let arguments = ExecArguments {
            path: &exec.program,
            arg: &exec.arguments,
            capture_output: true,
            input_data: (!exec.stdin.is_empty()).then(|| STANDARD.encode(&exec.stdin)),
        };
        let command = CommandSpec {
            name: "guest-exec",
            reply_limit_bytes: PROBE_REPLY_LIMIT_BYTES,
        };
        let started: Started = self.call(command, Some(&arguments), deadline).await?;
        Ok(started.pid)
    }

    async fn status(&self, exec: &Exec, pid: i64, deadline: Deadline) -> Result<Status, QgaError> {
        let command = CommandSpec {
            name: "guest-exec-status",
            reply_limit_bytes: exec.reply_limit_bytes,
        };
        let arguments = StatusArguments { pid };
        self.call(command, Some(&arguments), deadline).await
    }
}

impl Status {
    fn into_output(self) -> Result<ExecOutput, QgaError> {
        let exit = match (self.exit_code, self.signal) {
            (Some(code), None) => ExitKind::Code(code),
            (None, Some(signal)) => ExitKind::Signal(signal),
            _ => {
                return Err(QgaError::Protocol {
                    command: "guest-exec-status",
                    reason: "neither exit code nor signal".to_owned(),
                });
            }
        };
        Ok(ExecOutput {
            exit,
            stdout: self.out_data,
            stderr: self.err_data,
            truncated: self.out_truncated || self.err_truncated,
        })
    }
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}
