//! Why something could not be done over a channel.

use std::fmt;

use phoenix_common::command::CommandError;
use phoenix_common::qga::{ExitKind, QgaError};
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{AgentFailure, FailureKind};

/// Most messages of one failure that are shown: a compose file may have many mistakes.
const MESSAGES_SHOWN: usize = 20;

/// Why a guest could not be asked or served.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    #[error("guest {vmid} cannot be reached")]
    Qga { vmid: Vmid, source: QgaError },
    #[error("container {vmid} cannot be reached")]
    Pct { vmid: Vmid, source: CommandError },
    /// The container is off, starts or stops just now, or is not of this node.
    #[error(
        "pct exec does not get into container {vmid} (code {code}): {}",
        Untrusted(message)
    )]
    NotEntered {
        vmid: Vmid,
        code: i32,
        message: String,
    },
    /// `phoenix-guest-agent` is not installed: push and install it.
    #[error("guest {vmid} has no phoenix-guest-agent")]
    AgentMissing { vmid: Vmid },
    /// The agent was run and gave no answer.
    #[error("phoenix-guest-agent in guest {vmid} ended with {}: {}", shown(*exit), Untrusted(stderr))]
    AgentEnded {
        vmid: Vmid,
        exit: ExitKind,
        stderr: String,
    },
    #[error("unintelligible answer of phoenix-guest-agent in guest {vmid}")]
    Answer {
        vmid: Vmid,
        source: serde_json::Error,
    },
    #[error("phoenix-guest-agent in guest {vmid} answered another request than the one sent")]
    ForeignAnswer { vmid: Vmid },
    #[error(
        "phoenix-guest-agent {} in guest {vmid} speaks another protocol",
        Untrusted(version)
    )]
    OtherProtocol { vmid: Vmid, version: String },
    /// The agent answered, with a failure.
    #[error("phoenix-guest-agent in guest {vmid}: {}", Said(failure))]
    Refused { vmid: Vmid, failure: AgentFailure },
    #[error("the request for guest {vmid} cannot be written")]
    Request {
        vmid: Vmid,
        source: serde_json::Error,
    },
    /// One of Phoenix's own small scripts failed in the guest.
    #[error("{step} in guest {vmid} ended with {}: {}", shown(*exit), Untrusted(stderr))]
    Script {
        vmid: Vmid,
        step: &'static str,
        exit: ExitKind,
        stderr: String,
    },
    /// What was pushed arrived changed, twice.
    #[error("{path} does not arrive whole in guest {vmid}: SHA-256 differs")]
    Checksum { vmid: Vmid, path: String },
    #[error(
        "guest {vmid} cannot be provisioned: {}; this version serves guests with dpkg and amd64",
        Untrusted(found)
    )]
    Unsupported { vmid: Vmid, found: String },
    #[error("dpkg in guest {vmid} failed with code {code}: {}", Untrusted(log))]
    Dpkg { vmid: Vmid, code: i32, log: String },
    #[error("installing phoenix-guest-agent in guest {vmid} was broken off (guest rebooted?)")]
    InstallLost { vmid: Vmid },
    #[error("{what} in guest {vmid} did not end before the deadline")]
    Deadline { vmid: Vmid, what: &'static str },
}

impl ChannelError {
    /// Whether the same may work a little later without anybody doing something.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Qga { source, .. } => source.is_transient(),
            Self::InstallLost { .. } | Self::NotEntered { .. } => true,
            Self::Refused { failure, .. } => failure.kind == FailureKind::Retryable,
            Self::Pct { .. }
            | Self::OtherProtocol { .. }
            | Self::AgentMissing { .. }
            | Self::AgentEnded { .. }
            | Self::Answer { .. }
            | Self::ForeignAnswer { .. }
            | Self::Request { .. }
            | Self::Script { .. }
            | Self::Checksum { .. }
            | Self::Unsupported { .. }
            | Self::Dpkg { .. }
            | Self::Deadline { .. } => false,
        }
    }
}

/// A failure in the agent's own words: each message escaped and bounded by itself, then what to do about it.
struct Said<'failure>(&'failure AgentFailure);

impl fmt::Display for Said<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.messages.iter().flat_map(|message| message.lines());
        for (index, line) in lines.take(MESSAGES_SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { ": " };
            write!(formatter, "{separator}{}", Untrusted(line))?;
        }
        match &self.0.hint {
            Some(hint) => write!(formatter, "; {}", Untrusted(hint)),
            None => Ok(()),
        }
    }
}

/// Why a job in a guest has no report.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The agent says what and why; see its `messages`, `kind` and `hint`.
    #[error("guest {vmid}: {}", Said(failure))]
    Failed { vmid: Vmid, failure: AgentFailure },
    /// The guest was booted anew: observe and plan again.
    #[error("guest {vmid} was rebooted during {job}")]
    Rebooted { vmid: Vmid, job: String },
    /// The job's process died without a result: observe and plan again.
    #[error("{job} in guest {vmid} died without a result")]
    Lost { vmid: Vmid, job: String },
    /// The job goes on in the guest.
    #[error("{job} in guest {vmid} did not end before the deadline")]
    Deadline { vmid: Vmid, job: String },
    #[error(
        "guest {vmid} is busy with {} and the deadline passed",
        Untrusted(other)
    )]
    Busy { vmid: Vmid, other: String },
    #[error("phoenix-guest-agent in guest {vmid} answered another question")]
    WrongAnswer { vmid: Vmid },
}

impl JobError {
    /// Whether the agent refused since it would do harm.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Failed { failure, .. } if failure.kind == FailureKind::Refused)
    }

    /// Whether only the time ran out.
    pub fn is_deadline(&self) -> bool {
        matches!(self, Self::Deadline { .. } | Self::Busy { .. })
    }

    /// Whether observing and planning anew may help without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Channel(error) => error.is_transient(),
            Self::Failed { failure, .. } => failure.kind == FailureKind::Retryable,
            Self::Rebooted { .. } | Self::Lost { .. } => true,
            Self::Deadline { .. } | Self::Busy { .. } | Self::WrongAnswer { .. } => false,
        }
    }
}

/// `exit code 3` or `signal 9`.
pub(super) fn shown(exit: ExitKind) -> String {
    match exit {
        ExitKind::Code(code) => format!("exit code {code}"),
        ExitKind::Signal(signal) => format!("signal {signal}"),
    }
}
