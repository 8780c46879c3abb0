//! Why a call or its task did not do its work.

use phoenix_common::command::CommandError;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;

use super::Upid;
use crate::https::HttpsError;

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{call}")]
    Https { call: String, source: HttpsError },
    #[error("{call}")]
    Tool { call: String, source: CommandError },
    #[error("{call}: unintelligible answer")]
    Answer {
        call: String,
        source: serde_json::Error,
    },
    #[error("{call}: {}{}", Untrusted(message), refusal.cure())]
    Refused {
        call: String,
        message: String,
        refusal: Refusal,
    },
    #[error("{call}: began no task that can be followed")]
    NoTask { call: String },
    #[error("task {} of {}: {}{}", upid.kind, upid.id, Untrusted(exit), refusal.cure())]
    Task {
        upid: Box<Upid>,
        exit: String,
        refusal: Refusal,
    },
    #[error("task {upid} goes on after {seconds} s")]
    TaskGoesOn { upid: Box<Upid>, seconds: u64 },
    #[error(
        "guest {vmid}: {key} has been changed by somebody else meanwhile ({} instead of {})",
        Untrusted(now),
        Untrusted(before)
    )]
    Changed {
        vmid: Vmid,
        key: String,
        before: String,
        now: String,
    },
    #[error("guest {vmid}: {disk} is still {size} after it was enlarged")]
    NotResized {
        vmid: Vmid,
        disk: String,
        size: String,
    },
    #[error("Proxmox knows guest {vmid}, but the API token may not see it (it needs VM.Audit)")]
    Hidden { vmid: Vmid },
}

/// What kind of no it was. Proxmox answers most of them with the same number, so this goes by its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another task holds the guest: passes.
    Locked,
    NoQuorum,
    /// The token or user may not do it.
    Denied,
    /// The server does not know the token.
    NotAccepted,
    /// The node that owns the guest cannot be reached.
    NodeGone,
    /// The configuration was changed between reading and writing.
    Conflict,
    Other,
}

impl Refusal {
    pub(super) fn of(status: Option<u16>, message: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if says(&["no quorum"]) {
            Self::NoQuorum
        } else if says(&["got timeout", "VM is locked", "CT is locked", "is locked ("]) {
            Self::Locked
        } else if says(&["checksum mismatch"]) {
            Self::Conflict
        } else if matches!(status, Some(595 | 596 | 599))
            || says(&[
                "hostname lookup",
                "no such cluster node",
                "No route to host",
            ])
        {
            Self::NodeGone
        } else if status == Some(401) {
            Self::NotAccepted
        } else if status == Some(403)
            || says(&["Permission check failed", "only root can", "Only root may"])
        {
            Self::Denied
        } else {
            Self::Other
        }
    }

    fn cure(self) -> &'static str {
        match self {
            Self::NoQuorum => {
                " (the cluster has no quorum and is read-only: bring its other nodes back, see pvecm status; then run this again)"
            }
            Self::Denied => {
                " (the API token lacks a right: docs/usage/lifecycle.md lists what it needs)"
            }
            Self::NotAccepted => {
                " (the server does not accept the API token in pve_api.token_file)"
            }
            Self::NodeGone => " (the node cannot be reached: see pvecm status)",
            Self::Locked | Self::Conflict | Self::Other => "",
        }
    }
}

impl ApiError {
    pub(super) fn refused(call: &str, status: Option<u16>, message: String) -> Self {
        Self::Refused {
            call: call.to_owned(),
            refusal: Refusal::of(status, &message),
            message,
        }
    }

    /// What kind of no it was; `None` when there was no answer.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } | Self::Task { refusal, .. } => Some(*refusal),
            _ => None,
        }
    }

    /// Whether looking again and trying what is then still to do may help without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Https { source, .. } => source.is_transient(),
            Self::Changed { .. } => true,
            _ => matches!(
                self.refusal(),
                Some(Refusal::Locked | Refusal::Conflict | Refusal::NodeGone)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_words_are_told_apart() {
        let of = Refusal::of;
        for (status, message, wanted) in [
            (
                None,
                "can't lock file '/var/lock/qemu-server/lock-201.conf' - got timeout",
                Refusal::Locked,
            ),
            (Some(500), "VM is locked (backup)", Refusal::Locked),
            (None, "cluster not ready - no quorum?", Refusal::NoQuorum),
            (
                Some(403),
                "Permission check failed (/vms/1001, VM.Config.CPU)",
                Refusal::Denied,
            ),
            (
                Some(500),
                "only root can set 'hookscript' config",
                Refusal::Denied,
            ),
            (Some(401), "invalid token value!", Refusal::NotAccepted),
            (
                Some(500),
                "checksum mismatch (file change by other user?)",
                Refusal::Conflict,
            ),
            (Some(595), "no route to host", Refusal::NodeGone),
            (
                Some(500),
                "shrinking disks is not supported",
                Refusal::Other,
            ),
        ] {
            assert_eq!(of(status, message), wanted, "{message}");
        }
    }
}
