//! What an event asks of the worker. Pure.

use crate::event::{Class, Trigger};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Bring the guest to its declared state. `arrives`: it is still on its way to this node.
    Reconcile { arrives: bool },
    /// Whatever is being done to the guest has lost its ground.
    Cancel,
    /// The guest does not come to this node after all; why. Ends the wait for it.
    CancelArrival(String),
    /// Nothing now, but a backup may let the guest go on later; why.
    WatchBackup(String),
    /// Nothing to do; why.
    Nothing(String),
}

pub fn intent(trigger: Trigger, class: &Class) -> Intent {
    match class {
        Class::Start | Class::OldState | Class::Requested => Intent::Reconcile { arrives: false },
        Class::Unclassified => unclassified(trigger),
        Class::Arrival { .. } => Intent::Reconcile { arrives: true },
        Class::Stopping | Class::Stopped => Intent::Cancel,
        Class::Announced => Intent::Nothing("the start is only announced".to_owned()),
        Class::BackupStart => {
            let why = "a backup started it: the guest was not booted".to_owned();
            match trigger {
                Trigger::PostStart => Intent::WatchBackup(why),
                _ => Intent::Nothing(why),
            }
        }
        Class::BackupStop => Intent::Nothing("a backup stops it".to_owned()),
        Class::Elsewhere { owner } => {
            let why = format!("the guest is on node {owner}");
            match trigger {
                Trigger::PostStop => Intent::CancelArrival(why),
                _ => Intent::Nothing(why),
            }
        }
    }
}

/// What Proxmox's files say cannot be seen: as for the commonest event of that name. A run looks itself.
fn unclassified(trigger: Trigger) -> Intent {
    match trigger {
        Trigger::PreStart => Intent::Nothing("the start is only announced".to_owned()),
        Trigger::PostStart | Trigger::Reconcile => Intent::Reconcile { arrives: false },
        Trigger::PreStop | Trigger::PostStop => Intent::Cancel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_should_act_acts() {
        for (class, acts) in [
            (Class::Start, true),
            (Class::OldState, true),
            (Class::Arrival { from: None }, true),
            (Class::Requested, true),
            (Class::Announced, false),
            (Class::BackupStart, false),
            (Class::BackupStop, false),
            (Class::Stopping, false),
            (Class::Stopped, false),
            (Class::Elsewhere { owner: "b".into() }, false),
        ] {
            let reconciles = matches!(intent(Trigger::PostStart, &class), Intent::Reconcile { .. });
            assert_eq!(reconciles, acts, "{class:?}");
        }
    }

    #[test]
    fn what_stays_unclear_goes_by_its_phase() {
        let meant = |trigger| intent(trigger, &Class::Unclassified);
        assert!(matches!(meant(Trigger::PreStart), Intent::Nothing(_)));
        assert_eq!(
            meant(Trigger::PostStart),
            Intent::Reconcile { arrives: false }
        );
        assert_eq!(meant(Trigger::PreStop), Intent::Cancel);
        assert_eq!(meant(Trigger::PostStop), Intent::Cancel);
    }

    #[test]
    fn the_end_of_a_migration_and_a_backups_start_are_told_apart_by_the_phase() {
        let elsewhere = Class::Elsewhere { owner: "b".into() };
        let ended = intent(Trigger::PostStop, &elsewhere);
        assert!(matches!(ended, Intent::CancelArrival(_)));
        let other = intent(Trigger::PreStop, &elsewhere);
        assert!(matches!(other, Intent::Nothing(_)));
        let started = intent(Trigger::PostStart, &Class::BackupStart);
        assert!(matches!(started, Intent::WatchBackup(_)));
        let announced = intent(Trigger::PreStart, &Class::BackupStart);
        assert!(matches!(announced, Intent::Nothing(_)));
    }
}
