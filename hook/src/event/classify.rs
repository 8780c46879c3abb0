//! What an event really means. Pure.
//!
//! Proxmox calls the hookscript with the same four phases for starts that are none: a backup starts a
//! paused QEMU, a live migration starts a QEMU that receives memory, an aborted one ends it again.

use std::fmt;

use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;

use super::{Event, PveFacts, Trigger};
use crate::pve::vmlist::Kind;

/// What happened to the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// pre-start of a real start: nothing to do yet.
    Announced,
    /// The guest boots: reconcile it.
    Start,
    /// The guest goes on from a saved state (hibernation, RAM snapshot): what it says about itself may be
    /// old, and so may its Swarm membership. Reconcile it, believing nothing kept on the host.
    OldState,
    /// Live migration to this node: wait until the guest has arrived, then look again.
    Arrival { from: Option<String> },
    /// A backup starts the VM paused. Of a running VM it boots for real a little later; of a stopped one it never
    /// runs. Nothing unless QEMU's status becomes `running`.
    BackupStart,
    /// The guest will be stopped, if nothing keeps it: Proxmox may give up.
    Stopping,
    /// A backup stops the VM; it may never have run.
    BackupStop,
    /// The guest is off: record it.
    Stopped,
    /// Not this node's guest (aborted migration): nothing.
    Elsewhere { owner: String },
    /// Phoenix itself asks for a reconcile.
    Requested,
    /// `/etc/pve` could not be read in time: look again.
    Unclassified,
}

/// For people.
impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announced => formatter.write_str("start announced"),
            Self::Start => formatter.write_str("start"),
            Self::OldState => formatter.write_str("resumed with old state"),
            Self::Arrival { from: Some(node) } => {
                write!(formatter, "migration from {}", Untrusted(node))
            }
            Self::Arrival { from: None } => formatter.write_str("migration"),
            Self::BackupStart => formatter.write_str("start for a backup"),
            Self::BackupStop => formatter.write_str("stop for a backup"),
            Self::Stopping => formatter.write_str("stop announced"),
            Self::Stopped => formatter.write_str("stopped"),
            Self::Elsewhere { owner } => write!(formatter, "guest of {}", Untrusted(owner)),
            Self::Requested => formatter.write_str("asked for by Phoenix"),
            Self::Unclassified => formatter.write_str("unclear"),
        }
    }
}

pub(super) fn classify(event: &Event) -> Class {
    if event.trigger == Trigger::Reconcile {
        return Class::Requested;
    }
    let starts = matches!(event.trigger, Trigger::PreStart | Trigger::PostStart);
    // Set only for a migration's target, whose configuration still lies with the source.
    if starts && event.migrated_from.is_some() {
        return Class::Arrival {
            from: event.migrated_from.clone(),
        };
    }
    match &event.pve {
        Observed::Unknown(_) => Class::Unclassified,
        Observed::Known(facts) => by_facts(event.trigger, facts),
    }
}

fn by_facts(trigger: Trigger, facts: &PveFacts) -> Class {
    if let Some(owner) = facts.owner.as_ref().filter(|owner| **owner != facts.node) {
        return Class::Elsewhere {
            owner: owner.clone(),
        };
    }
    // A container's backup stops and starts it for real, and starts it without the lock.
    let lock = facts.lock.as_deref();
    let in_backup = lock == Some("backup") && facts.kind != Some(Kind::Lxc);
    match trigger {
        Trigger::PreStart | Trigger::PostStart if in_backup => Class::BackupStart,
        Trigger::PreStop if in_backup => Class::BackupStop,
        Trigger::PreStart | Trigger::PostStart => match lock {
            Some("suspended" | "suspending" | "rollback") => Class::OldState,
            // From another cluster: Proxmox sets no PVE_MIGRATED_FROM there.
            Some("migrate") => Class::Arrival { from: None },
            _ if trigger == Trigger::PreStart => Class::Announced,
            _ => Class::Start,
        },
        Trigger::PreStop => Class::Stopping,
        Trigger::PostStop => Class::Stopped,
        Trigger::Reconcile => Class::Requested,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::event;
    use super::*;

    fn facts(owner: &str, kind: Kind, lock: Option<&str>) -> Observed<PveFacts> {
        Observed::Known(PveFacts {
            node: "pve1".to_owned(),
            owner: Some(owner.to_owned()),
            kind: Some(kind),
            lock: lock.map(str::to_owned),
        })
    }

    fn class(trigger: Trigger, from: Option<&str>, pve: Observed<PveFacts>) -> Class {
        let mut event = event(trigger);
        event.migrated_from = from.map(str::to_owned);
        event.pve = pve;
        event.class()
    }

    /// trigger, migrated from, owner (this node is pve1), kind, lock, class.
    const TRUTH_TABLE: &str = "
        pre-start   -     pve1  qemu  -          Announced
        post-start  -     pve1  qemu  -          Start
        pre-stop    -     pve1  qemu  -          Stopping
        post-stop   -     pve1  qemu  -          Stopped
        # backup of a VM: QEMU is started paused
        pre-start   -     pve1  qemu  backup     BackupStart
        post-start  -     pve1  qemu  backup     BackupStart
        pre-stop    -     pve1  qemu  backup     BackupStop
        post-stop   -     pve1  qemu  backup     Stopped
        # backup of a container: a real stop and start
        pre-stop    -     pve1  lxc   backup     Stopping
        post-start  -     pve1  lxc   backup     Start
        # live migration: the configuration still lies with the source
        pre-start   pve2  pve2  qemu  -          Arrival { from: Some(\"pve2\") }
        post-start  pve2  pve2  qemu  -          Arrival { from: Some(\"pve2\") }
        post-start  -     pve1  qemu  migrate    Arrival { from: None }
        post-stop   -     pve2  qemu  -          Elsewhere { owner: \"pve2\" }
        # hibernation, rollback with memory
        pre-start   -     pve1  qemu  suspended  OldState
        post-start  -     pve1  qemu  suspended  OldState
        post-start  -     pve1  qemu  rollback   OldState
        post-stop   -     pve1  qemu  suspended  Stopped
        # started with --skiplock: for real
        post-start  -     pve1  qemu  snapshot   Start
        post-start  -     pve1  lxc   mounted    Start";

    #[test]
    fn the_truth_table_holds() {
        let rows = TRUTH_TABLE.lines().map(str::trim);
        for row in rows.filter(|row| !row.is_empty() && !row.starts_with('#')) {
            let mut words = row.split_whitespace();
            let mut word = || words.next().filter(|word| *word != "-");
            let trigger = Trigger::from_phase(word().unwrap()).unwrap();
            let (from, owner) = (word(), word().unwrap());
            let kind = match word() {
                Some("lxc") => Kind::Lxc,
                _ => Kind::Qemu,
            };
            let pve = facts(owner, kind, word());
            let wanted = words.collect::<Vec<_>>().join(" ");
            assert_eq!(format!("{:?}", class(trigger, from, pve)), wanted, "{row}");
        }
    }

    #[test]
    fn what_could_not_be_seen_is_not_guessed() {
        let unseen = || Observed::unknown("/etc/pve is silent");
        assert_eq!(
            class(Trigger::PostStart, None, unseen()),
            Class::Unclassified
        );
        let arrival = class(Trigger::PostStart, Some("pve2"), unseen());
        assert!(matches!(arrival, Class::Arrival { .. }));
        assert_eq!(class(Trigger::Reconcile, None, unseen()), Class::Requested);
    }

    #[test]
    fn a_guest_missing_in_vmlist_is_classified_by_its_phase() {
        let pve = Observed::Known(PveFacts {
            node: "pve1".to_owned(),
            owner: None,
            kind: None,
            lock: None,
        });
        assert_eq!(class(Trigger::PostStart, None, pve), Class::Start);
    }
}
