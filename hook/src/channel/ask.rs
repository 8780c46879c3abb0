//! Asks `phoenix-guest-agent`: request on its stdin, response on its stdout.

use std::time::Duration;

use phoenix_common::qga::{ExitKind, QgaError};
use phoenix_common::retry::Deadline;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::{
    Answer, FailureKind, Outcome, PROTOCOL_VERSION, RESPONSE_LIMIT_BYTES, Request, RequestBody,
    Response,
};

use super::script::text;
use super::{Channel, ChannelError, GuestCommand};

/// The shell is there only to tell "not installed" from every other failure, whatever language the
/// guest's messages are in.
const ASK: &str =
    "[ -x /usr/bin/phoenix-guest-agent ] || exit 127; exec /usr/bin/phoenix-guest-agent request";
const NOT_INSTALLED: ExitKind = ExitKind::Code(127);
/// Requests change nothing, or are jobs that may be started twice: a lost reply is asked for again.
const TRIES: usize = 3;
/// The agent answers at once; a plan may have to ask a registry.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// A request of this build with an id of its own.
pub fn request(body: RequestBody) -> Request {
    Request {
        protocol: PROTOCOL_VERSION,
        id: random_name(),
        body,
    }
}

/// The question's name, for logs: its content may be secret.
fn question(body: &RequestBody) -> &'static str {
    match body {
        RequestBody::Facts => "facts",
        RequestBody::PlanGuest(_) => "plan guest",
        RequestBody::InspectGuest(_) => "inspect guest",
        RequestBody::SwarmView => "swarm view",
        RequestBody::SwarmToken(_) => "swarm token",
        RequestBody::PlanStack(_) => "plan stack",
        RequestBody::StackStatus { .. } => "stack status",
        RequestBody::MissingPaths { .. } => "missing paths",
        RequestBody::StackVolumes { .. } => "stack volumes",
        RequestBody::SwarmStacks => "swarm stacks",
        RequestBody::Portainer(_) => "portainer",
        RequestBody::SwarmNodeTasks { .. } => "swarm node tasks",
        RequestBody::SwarmNodeUpdate(_) => "swarm node update",
        RequestBody::JobStart { .. } => "job start",
        RequestBody::JobStatus { .. } => "job status",
    }
}

/// 16 hex digits.
pub(super) fn random_name() -> String {
    // Ids only tell concurrent questions apart; a system without random numbers fails at the socket.
    let bits = getrandom::u64().unwrap_or_default();
    format!("{bits:016x}")
}

impl Channel {
    /// Asks the agent. A response that says "failed" is still a response.
    ///
    /// # Errors
    /// [`ChannelError::AgentMissing`] when it is not installed.
    pub async fn ask(
        &self,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Response, ChannelError> {
        let vmid = self.vmid();
        let input =
            serde_json::to_vec(request).map_err(|source| ChannelError::Request { vmid, source })?;
        let mut tries_left = TRIES;
        loop {
            tries_left -= 1;
            match self.ask_once(input.clone(), &request.id, deadline).await {
                Err(ChannelError::Qga {
                    source: QgaError::ProcessLost { .. } | QgaError::Protocol { .. },
                    ..
                }) if tries_left > 0 => {}
                result => return result,
            }
        }
    }

    /// Asks a question and takes the answer out of the response.
    ///
    /// # Errors
    /// As [`Self::ask`], and [`ChannelError::Refused`] when the agent says why it cannot answer.
    pub async fn answer(
        &self,
        body: RequestBody,
        deadline: Deadline,
    ) -> Result<Answer, ChannelError> {
        let vmid = self.vmid();
        let question = question(&body);
        let response = self.ask(&request(body), deadline).await?;
        tracing::debug!(%vmid, question, agent = %Untrusted(&response.agent_version), "answered");
        match response.outcome {
            Outcome::Ok(answer) => Ok(*answer),
            Outcome::Err(failure) if failure.kind == FailureKind::Protocol => {
                Err(ChannelError::OtherProtocol {
                    vmid,
                    version: response.agent_version,
                })
            }
            Outcome::Err(failure) => Err(ChannelError::Refused { vmid, failure }),
        }
    }

    async fn ask_once(
        &self,
        input: Vec<u8>,
        id: &str,
        deadline: Deadline,
    ) -> Result<Response, ChannelError> {
        let vmid = self.vmid();
        let command = GuestCommand {
            program: "/bin/sh".to_owned(),
            arguments: vec!["-c".to_owned(), ASK.to_owned()],
            stdin: input,
            output_limit_bytes: 2 * RESPONSE_LIMIT_BYTES,
        };
        let output = self.run(command, deadline.at_most(ANSWER_TIMEOUT)).await?;
        if output.exit == NOT_INSTALLED {
            return Err(ChannelError::AgentMissing { vmid });
        }
        // The agent answers also when it fails; only without an answer its exit is the message.
        if output.stdout.is_empty() {
            return Err(ChannelError::AgentEnded {
                vmid,
                exit: output.exit,
                stderr: text(&output.stderr),
            });
        }
        let response: Response = serde_json::from_slice(&output.stdout)
            .map_err(|source| ChannelError::Answer { vmid, source })?;
        if response.id != id {
            return Err(ChannelError::ForeignAnswer { vmid });
        }
        Ok(response)
    }
}
