//! Why the QEMU guest agent could not be asked, told apart by what the operator has to do.

use std::io;
use std::path::PathBuf;

use crate::untrusted::Untrusted;

/// Why a question to a guest's QEMU guest agent has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QgaError {
    /// The VM does not run, or has no agent in its configuration (`agent: 1` needs a full stop and start).
    #[error("no QEMU guest agent socket at {}: VM off, or `agent: 1` not set", path.display())]
    SocketMissing { path: PathBuf },
    #[error("cannot connect to {}", path.display())]
    Connect { path: PathBuf, source: io::Error },
    #[error("cannot lock {}", path.display())]
    Lock { path: PathBuf, source: io::Error },
    /// Another process of Phoenix talks to this guest.
    #[error("{} is held by another process of Phoenix", path.display())]
    LockBusy { path: PathBuf },
    /// The socket takes our bytes and gives none.
    #[error(
        "no answer at {} within {waited_ms} ms: the agent does not run (yet), or another program holds it",
        path.display()
    )]
    Silent { path: PathBuf, waited_ms: u128 },
    /// The guest's administrator or distribution forbids the command.
    #[error("the guest's agent has {command} switched off")]
    ExecBlocked { command: &'static str },
    /// The agent understood and refused.
    #[error(
        "{command} failed in the guest: {} ({})",
        Untrusted(desc),
        Untrusted(class)
    )]
    AgentError {
        command: &'static str,
        class: String,
        desc: String,
    },
    /// What came back is not the agent's language.
    #[error("unintelligible answer to {command}: {reason}")]
    Protocol {
        command: &'static str,
        reason: String,
    },
    /// QEMU ended, or the guest's port was reset.
    #[error("{} was closed before the answer", path.display())]
    Closed { path: PathBuf },
    #[error("the answer to {command} is longer than {limit_bytes} bytes")]
    TooLarge {
        command: &'static str,
        limit_bytes: usize,
    },
    /// The agent does not know the process any more: it was restarted, the guest was booted anew, or the
    /// one reply with the result was lost.
    #[error("the result of {program} is lost: agent restarted, guest rebooted or reply lost")]
    ProcessLost { program: String },
    /// The process may still run in the guest.
    #[error("{program} did not end in the guest before the deadline")]
    ExecDeadline { program: String },
    #[error("the system gives no random numbers")]
    Random { source: getrandom::Error },
}

impl QgaError {
    /// Whether the same question may be answered a little later without anybody doing something:
    /// the guest boots, another client is served, the agent restarts.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Silent { .. }
            | Self::Closed { .. }
            | Self::LockBusy { .. }
            | Self::ProcessLost { .. }
            | Self::Protocol { .. }
            | Self::SocketMissing { .. } => true,
            Self::Connect { .. }
            | Self::Lock { .. }
            | Self::ExecBlocked { .. }
            | Self::AgentError { .. }
            | Self::TooLarge { .. }
            | Self::ExecDeadline { .. }
            | Self::Random { .. } => false,
        }
    }
}
