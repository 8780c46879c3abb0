//! What makes a guest registered, or no longer so. Pure.

use std::fmt;

use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::chain::Chain;
use super::seen::GuestSeen;
use super::{Snippets, is_ours};
use crate::pve::vmlist::Kind;

/// What is wanted of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    Registered,
    Unregistered,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    WriteChain {
        vmid: Vmid,
        chain: Chain,
    },
    RemoveChain {
        vmid: Vmid,
    },
    SetHookscript {
        vmid: Vmid,
        kind: Kind,
        volume: String,
    },
    DeleteHookscript {
        vmid: Vmid,
        kind: Kind,
    },
}

/// Why nothing is done to a guest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("Proxmox has no guest {0}")]
    NoGuest(Vmid),
    #[error("{vmid} is on node {node}: run this there, each node needs its own hookscript file")]
    Elsewhere { vmid: Vmid, node: String },
    #[error(
        "{vmid} is locked ({lock}): a task of Proxmox works on it, try again when it has ended"
    )]
    Locked { vmid: Vmid, lock: String },
    #[error(
        "the hookscript of {vmid}, {}, is not there, and the guest does not start with it: take it out by hand first",
        Untrusted(volume)
    )]
    ScriptMissing { vmid: Vmid, volume: String },
}

/// What becomes of one guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestPlan {
    pub vmid: Vmid,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// In order; empty when all is as it shall be.
    Steps(Vec<Step>),
    Refused(Refusal),
}

/// For `guest` as it was seen, on `node`.
pub fn plan(goal: Goal, guest: &GuestSeen, node: &str, snippets: &Snippets) -> GuestPlan {
    let vmid = guest.vmid;
    let outcome = match &guest.owner {
        None => Outcome::Refused(Refusal::NoGuest(vmid)),
        Some((owner, _)) if owner != node => Outcome::Refused(Refusal::Elsewhere {
            vmid,
            node: owner.clone(),
        }),
        Some((_, kind)) => {
            let steps = match goal {
                Goal::Registered => register(guest, *kind, snippets),
                Goal::Unregistered => Ok(unregister(guest, *kind)),
            };
            steps
                .and_then(|steps| unless_locked(guest, steps))
                .map_or_else(Outcome::Refused, Outcome::Steps)
        }
    };
    GuestPlan { vmid, outcome }
}

fn unless_locked(guest: &GuestSeen, steps: Vec<Step>) -> Result<Vec<Step>, Refusal> {
    match &guest.lock {
        Some(lock) if !steps.is_empty() => Err(Refusal::Locked {
            vmid: guest.vmid,
            lock: lock.clone(),
        }),
        _ => Ok(steps),
    }
}

fn register(guest: &GuestSeen, kind: Kind, snippets: &Snippets) -> Result<Vec<Step>, Refusal> {
    let vmid = guest.vmid;
    let stale = guest
        .chain
        .as_ref()
        .filter(|chain| chain.is_of_another(guest.uuid.as_deref()));
    let mut steps = Vec::new();
    match guest.hookscript.as_deref() {
        Some(volume) if is_ours(volume) => {
            if stale.is_some() {
                steps.push(Step::RemoveChain { vmid });
            }
            if volume == snippets.volume() {
                return Ok(steps);
            }
        }
        Some(volume) => steps.extend(chain(guest, volume)?),
        // Of a guest that had none there is nothing to chain, whatever lies there.
        None if guest.chain.is_some() => steps.push(Step::RemoveChain { vmid }),
        None => {}
    }
    let volume = snippets.volume();
    steps.push(Step::SetHookscript { vmid, kind, volume });
    Ok(steps)
}

/// A foreign hookscript is kept: the wrapper will run it first.
fn chain(guest: &GuestSeen, volume: &str) -> Result<Option<Step>, Refusal> {
    let Some(script) = guest.script.clone() else {
        return Err(Refusal::ScriptMissing {
            vmid: guest.vmid,
            volume: volume.to_owned(),
        });
    };
    let chain = Chain {
        script,
        volume: Some(volume.to_owned()),
        uuid: guest.uuid.clone(),
    };
    let vmid = guest.vmid;
    Ok((guest.chain.as_ref() != Some(&chain)).then_some(Step::WriteChain { vmid, chain }))
}

fn unregister(guest: &GuestSeen, kind: Kind) -> Vec<Step> {
    let vmid = guest.vmid;
    let mut steps = Vec::new();
    if guest.hookscript.as_deref().is_some_and(is_ours) {
        let own = guest
            .chain
            .as_ref()
            .filter(|chain| !chain.is_of_another(guest.uuid.as_deref()));
        match own.and_then(|chain| chain.volume.clone()) {
            Some(volume) => steps.push(Step::SetHookscript { vmid, kind, volume }),
            None => steps.push(Step::DeleteHookscript { vmid, kind }),
        }
    }
    if guest.chain.is_some() {
        steps.push(Step::RemoveChain { vmid });
    }
    steps
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WriteChain { vmid, chain } => write!(
                formatter,
                "{vmid}: keep its hookscript {}: the wrapper runs it first",
                Untrusted(chain.volume.as_deref().unwrap_or_default())
            ),
            Self::RemoveChain { vmid } => {
                write!(formatter, "{vmid}: forget the hookscript kept for it")
            }
            Self::SetHookscript { vmid, volume, .. } => {
                write!(formatter, "{vmid}: set hookscript {}", Untrusted(volume))
            }
            Self::DeleteHookscript { vmid, .. } => write!(formatter, "{vmid}: delete hookscript"),
        }
    }
}

impl Serialize for Step {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snippets() -> Snippets {
        Snippets {
            storage: "local".into(),
            folder: "/var/lib/vz/snippets".into(),
        }
    }

    fn guest(hookscript: Option<&str>) -> GuestSeen {
        GuestSeen {
            vmid: Vmid::new(1002).unwrap(),
            owner: Some(("pve1".into(), Kind::Qemu)),
            hookscript: hookscript.map(str::to_owned),
            script: hookscript.map(|_| "/var/lib/vz/snippets/a.pl".into()),
            uuid: Some("u-1".into()),
            lock: None,
            chain: None,
        }
    }

    fn told(goal: Goal, guest: &GuestSeen) -> Vec<String> {
        match plan(goal, guest, "pve1", &snippets()).outcome {
            Outcome::Steps(steps) => steps.iter().map(ToString::to_string).collect(),
            Outcome::Refused(refusal) => vec![refusal.to_string()],
        }
    }

    const OURS: &str = "local:snippets/phoenix-hook.sh";

    #[test]
    fn a_foreign_hookscript_is_kept_and_comes_back() {
        let mut seen = guest(Some("local:snippets/a.pl"));
        let steps = told(Goal::Registered, &seen);
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[1], format!("1002: set hookscript {OURS}"));
        seen.chain = Some(Chain {
            script: "/var/lib/vz/snippets/a.pl".into(),
            volume: Some("local:snippets/a.pl".into()),
            uuid: Some("u-1".into()),
        });
        // Killed between the chain and the line: only the line is left to do.
        assert_eq!(
            told(Goal::Registered, &seen),
            [format!("1002: set hookscript {OURS}")]
        );
        seen.hookscript = Some(OURS.into());
        assert!(told(Goal::Registered, &seen).is_empty());
        let back = "1002: set hookscript local:snippets/a.pl";
        assert_eq!(told(Goal::Unregistered, &seen)[0], back);
        // An id that another guest has now.
        seen.uuid = Some("u-2".into());
        assert_eq!(
            told(Goal::Registered, &seen),
            ["1002: forget the hookscript kept for it"]
        );
        assert_eq!(
            told(Goal::Unregistered, &seen)[0],
            "1002: delete hookscript"
        );
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_the_reason() {
        let mut seen = guest(Some("gone:snippets/a.pl"));
        seen.script = None;
        assert!(told(Goal::Registered, &seen)[0].contains("is not there"));
        let mut seen = guest(None);
        seen.lock = Some("backup".into());
        assert!(told(Goal::Registered, &seen)[0].contains("locked (backup)"));
        assert!(
            told(Goal::Unregistered, &seen).is_empty(),
            "nothing to do needs no lock"
        );
        seen.owner = Some(("pve2".into(), Kind::Qemu));
        assert!(told(Goal::Registered, &seen)[0].contains("on node pve2"));
        seen.owner = None;
        assert_eq!(told(Goal::Registered, &seen), ["Proxmox has no guest 1002"]);
    }
}
