//! What can go wrong with the Swarm.

use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::FailureKind;

use super::refusal::SwarmRefusal;
use crate::docker::error::EngineError;
use crate::failure::Failure;

#[derive(Debug, thiserror::Error)]
pub enum SwarmError {
    #[error("{refusal}")]
    Refusal {
        refusal: SwarmRefusal,
        source: EngineError,
    },
    #[error(transparent)]
    Engine(EngineError),
    #[error("Docker's Swarm state \"{}\" is not known", Untrusted(.0))]
    State(String),
    #[error("{address} is no address of this guest; it has {}", own.join(", "))]
    AddressNotLocal { address: String, own: Vec<String> },
    #[error("no address pool for the Swarm's networks is given")]
    NoAddressPool,
    #[error("no manager to join is given")]
    NoManagers,
    #[error("this guest is in a Swarm as {role}")]
    InSwarm { role: &'static str },
    #[error("this guest is in a Swarm of other managers: {}", Untrusted(&managers.join(", ")))]
    OtherSwarm { managers: Vec<String> },
    #[error(
        "this guest is node {} of a Swarm and reaches none of its managers {}{}",
        Untrusted(node_id),
        Untrusted(&managers.join(", ")),
        said(message)
    )]
    MemberUnreachable {
        node_id: String,
        managers: Vec<String>,
        /// What the engine says about it; may be empty.
        message: String,
    },
    #[error("this guest's Swarm state is locked")]
    Locked,
    #[error("this guest's Swarm membership is broken: {}", Untrusted(.0))]
    Broken(String),
    #[error(
        "Docker took the request, but the membership did not become {wanted} within {seconds} s"
    )]
    NotReached { wanted: &'static str, seconds: u64 },
    #[error("\"{}\" is no node id", Untrusted(.0))]
    NodeId(String),
    #[error("node {node_id} is not in this Swarm")]
    NoSuchNode { node_id: String },
    #[error("node {node_id} was written by others {times} times in between")]
    Contended { node_id: String, times: usize },
}

fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {}", Untrusted(message))
    }
}

impl From<EngineError> for SwarmError {
    fn from(source: EngineError) -> Self {
        match SwarmRefusal::of(&source) {
            Some(refusal) => Self::Refusal { refusal, source },
            None => Self::Engine(source),
        }
    }
}

impl SwarmError {
    pub fn refusal(&self) -> Option<SwarmRefusal> {
        match self {
            Self::Refusal { refusal, .. } => Some(*refusal),
            _ => None,
        }
    }

    /// Whether the same call may work in a moment.
    pub fn is_retryable(&self) -> bool {
        self.kind() == FailureKind::Retryable
    }
}

impl Failure for SwarmError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Refusal { refusal, .. } => refusal.kind(),
            Self::Engine(error) => error.kind(),
            Self::AddressNotLocal { .. }
            | Self::NoAddressPool
            | Self::NoManagers
            | Self::NodeId(_)
            | Self::NoSuchNode { .. } => FailureKind::Input,
            Self::InSwarm { .. } | Self::OtherSwarm { .. } | Self::Locked | Self::Broken(_) => {
                FailureKind::Refused
            }
            Self::NotReached { .. } | Self::MemberUnreachable { .. } | Self::Contended { .. } => {
                FailureKind::Retryable
            }
            Self::State(_) => FailureKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Refusal { refusal, .. } => refusal.hint().map(str::to_owned),
            Self::Locked => SwarmRefusal::Locked.hint().map(str::to_owned),
            Self::OtherSwarm { .. } | Self::InSwarm { .. } => {
                Some("leave that Swarm first (docker swarm leave)".to_owned())
            }
            Self::MemberUnreachable { .. } => Some(
                "start a manager and check 2377/tcp; if the Swarm was made anew or this node was removed \
                 from it: docker swarm leave --force"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
