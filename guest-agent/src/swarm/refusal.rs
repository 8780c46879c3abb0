//! The engine's refusals around Swarm. Many share the status 503 (or 500, or 400), so only the text tells
//! them apart; texts of moby 20.10 to 29.

use std::fmt;

use phoenix_common::wire::FailureKind;

use crate::docker::error::EngineError;

/// What the engine means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwarmRefusal {
    NotManager,
    AlreadyMember,
    Locked,
    JoinTimeout,
    TokenRefused,
    ManagerLeaves,
    NodeNotDown,
    NodeIsManager,
    LastManager,
    WithoutLeader,
}

/// Part of the engine's message, and what it stands for.
const TEXTS: [(&str, SwarmRefusal); 13] = [
    ("This node is not a swarm manager", SwarmRefusal::NotManager),
    (
        "can't be used to view or modify cluster state",
        SwarmRefusal::NotManager,
    ),
    ("already part of a swarm", SwarmRefusal::AlreadyMember),
    ("needs to be unlocked", SwarmRefusal::Locked),
    (
        "Timeout was reached before node joined",
        SwarmRefusal::JoinTimeout,
    ),
    ("invalid join token", SwarmRefusal::TokenRefused),
    (
        "A valid join token is necessary",
        SwarmRefusal::TokenRefused,
    ),
    (
        "remote CA does not match fingerprint",
        SwarmRefusal::TokenRefused,
    ),
    ("participating as a manager", SwarmRefusal::ManagerLeaves),
    ("is not down", SwarmRefusal::NodeNotDown),
    ("must be demoted", SwarmRefusal::NodeIsManager),
    ("demote the last manager", SwarmRefusal::LastManager),
    ("does not have a leader", SwarmRefusal::WithoutLeader),
];

impl SwarmRefusal {
    /// The refusal in an error of the engine, if it is one.
    pub fn of(error: &EngineError) -> Option<Self> {
        let message = error.engine_message();
        TEXTS
            .iter()
            .find(|(text, _)| message.contains(text))
            .map(|(_, refusal)| *refusal)
    }

    pub fn kind(self) -> FailureKind {
        match self {
            Self::JoinTimeout | Self::WithoutLeader => FailureKind::Retryable,
            Self::TokenRefused => FailureKind::Input,
            Self::ManagerLeaves | Self::NodeNotDown | Self::NodeIsManager | Self::LastManager => {
                FailureKind::Refused
            }
            Self::NotManager | Self::AlreadyMember | Self::Locked => FailureKind::Failed,
        }
    }

    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::Locked => Some("docker swarm unlock, or leave the Swarm with force"),
            Self::JoinTimeout => Some(
                "check that this guest reaches a manager on 2377/tcp and 7946/tcp+udp, 4789/udp",
            ),
            Self::TokenRefused => Some("read the token from a manager again"),
            Self::NodeIsManager => Some("make the node a worker first"),
            Self::WithoutLeader => Some("more than half of the managers must be up"),
            _ => None,
        }
    }
}

impl fmt::Display for SwarmRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotManager => "this guest is no manager of a Swarm",
            Self::AlreadyMember => "this guest is in a Swarm already",
            Self::Locked => "this guest's Swarm state is locked",
            Self::JoinTimeout => "no manager answered",
            Self::TokenRefused => "the managers do not take this join token",
            Self::ManagerLeaves => "this guest is a manager: leaving may cost the Swarm its quorum",
            Self::NodeNotDown => {
                "the node still runs: only the entry of a node that is down is removed"
            }
            Self::NodeIsManager => "the node is a manager",
            Self::LastManager => "the node is the last manager",
            Self::WithoutLeader => "the Swarm has no leader",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_tell_one_status_apart() {
        for (status, message, wanted) in [
            (
                503,
                "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to \
                 connect this node to swarm and try again.",
                Some(SwarmRefusal::NotManager),
            ),
            (
                503,
                "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster \
                 state. Please run this command on a manager node or promote the current node to a manager.",
                Some(SwarmRefusal::NotManager),
            ),
            (
                503,
                "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and \
                 join another one.",
                Some(SwarmRefusal::AlreadyMember),
            ),
            (
                503,
                "Timeout was reached before node joined. The attempt to join the swarm will continue in the \
                 background. Use the \"docker info\" command to see the current swarm status of your node.",
                Some(SwarmRefusal::JoinTimeout),
            ),
            (
                400,
                "rpc error: node x is not down and can't be removed",
                Some(SwarmRefusal::NodeNotDown),
            ),
            (
                500,
                "rpc error: The swarm does not have a leader.",
                Some(SwarmRefusal::WithoutLeader),
            ),
            (500, "something else", None),
        ] {
            let error = EngineError::Status {
                asked: String::new(),
                status,
                message: message.to_owned(),
            };
            assert_eq!(SwarmRefusal::of(&error), wanted, "{message}");
        }
    }
}
