//! What has to be done so that a guest becomes what it is declared to be.
//!
//! Invariant: planning is pure, `(desired, observed) -> Plan`. No I/O, clock, async or environment here.

pub mod action;
pub mod agent;
pub mod desired;
pub mod display;
pub mod guest;
pub mod instance;
pub mod machine;
pub mod observed;
pub mod pool;
pub mod portainer;
pub mod stacks;
pub mod swarm;

#[cfg(test)]
mod tests;

use action::Action;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

/// What a run would do now, in order; what it waits for; what it cannot do.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// Why nothing more can be decided yet. Converged means: no actions and nothing waited for.
    pub waiting: Vec<Waiting>,
    /// Parts that stay undone until the operator acts. The rest goes on.
    pub blocked: Vec<Blocked>,
    /// Worth knowing, nothing to do for Phoenix.
    pub notices: Vec<String>,
}

impl Plan {
    /// Observed equals desired, as far as Phoenix can bring it there.
    pub fn is_settled(&self) -> bool {
        self.actions.is_empty() && self.waiting.is_empty()
    }

    /// Settled, and nothing left undone.
    pub fn is_converged(&self) -> bool {
        self.is_settled() && self.blocked.is_empty()
    }
}

/// Something that has to happen first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The other guest that has to move first; `None` when it is this one.
    pub on: Option<Vmid>,
    pub reason: String,
    /// How long it is worth to wait for it while nothing else moves; `None`: as long as the run may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience_seconds: Option<u64>,
}

/// A part of the declaration that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// `stack dev1_shop`, `swarm default`.
    pub what: String,
    pub reason: String,
    /// Refused because it would do harm, not because it cannot be done.
    pub refused: bool,
}
