//! Phoenix's own few shell scripts, for what has to be done before the agent is there.

use std::time::Duration;

use phoenix_common::qga::{ExitKind, QgaError};
use phoenix_common::retry::Deadline;

use super::{Channel, ChannelError, GuestCommand, GuestOutput};

/// Scripts print a word or a few log lines.
const OUTPUT_LIMIT_BYTES: usize = 16 << 10;
const TRIES: usize = 4;
const RETRY_WAIT: Duration = Duration::from_millis(300);

/// A POSIX shell script that may run twice, with its arguments (`$1`…) and input. What it is given never becomes part of its text.
#[derive(Debug)]
pub(super) struct Script<'script> {
    /// For messages: `checking the checksum`.
    pub(super) step: &'static str,
    pub(super) text: &'static str,
    pub(super) arguments: &'script [&'script str],
    pub(super) stdin: Vec<u8>,
}

impl Channel {
    /// Runs a script and gives its exit code with its output. Every script may run twice, so one whose reply is lost
    /// (the QEMU guest agent was restarted, another client took the socket) is run again.
    pub(super) async fn run_script(
        &self,
        script: Script<'_>,
        deadline: Deadline,
    ) -> Result<GuestOutput, ChannelError> {
        let mut arguments = vec![
            "-c".to_owned(),
            script.text.to_owned(),
            "phoenix".to_owned(),
        ];
        arguments.extend(
            script
                .arguments
                .iter()
                .map(|argument| (*argument).to_owned()),
        );
        let command = GuestCommand {
            program: "/bin/sh".to_owned(),
            arguments,
            stdin: script.stdin,
            output_limit_bytes: OUTPUT_LIMIT_BYTES,
        };
        let mut tries_left = TRIES;
        loop {
            tries_left -= 1;
            match self.run(command.clone(), deadline).await {
                Err(error) if may_run_again(&error) && tries_left > 0 => {
                    tracing::debug!(vmid = %self.vmid(), step = script.step, %error, "once more");
                    tokio::time::sleep(RETRY_WAIT.min(deadline.remaining())).await;
                }
                result => return result,
            }
        }
    }

    /// Runs a script that has to end with 0 and gives its trimmed stdout.
    pub(super) async fn require_script(
        &self,
        script: Script<'_>,
        deadline: Deadline,
    ) -> Result<String, ChannelError> {
        let step = script.step;
        let output = self.run_script(script, deadline).await?;
        if output.exit == ExitKind::Code(0) {
            return Ok(text(&output.stdout));
        }
        Err(ChannelError::Script {
            vmid: self.vmid(),
            step,
            exit: output.exit,
            stderr: text(&output.stderr),
        })
    }
}

fn may_run_again(error: &ChannelError) -> bool {
    matches!(
        error,
        ChannelError::Qga {
            source: QgaError::Silent { .. }
                | QgaError::ProcessLost { .. }
                | QgaError::Closed { .. }
                | QgaError::Protocol { .. }
                | QgaError::LockBusy { .. },
            ..
        }
    )
}

/// What a program printed, trimmed, for messages and comparisons.
pub(super) fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim().to_owned()
}
