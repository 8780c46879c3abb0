//! What an event asks of the worker. Pure.

use crate::event::Class;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Bring the guest to its declared state. `arrives`: it is still on its way to this node.
    Reconcile { arrives: bool },
    /// Whatever is being done to the guest has lost its ground.
    Cancel,
    /// Nothing to do; why.
    Nothing(String),
}

pub fn intent(class: &Class) -> Intent {
    match class {
        Class::Start | Class::OldState | Class::Requested | Class::Unclassified => {
            Intent::Reconcile { arrives: false }
        }
        Class::Arrival { .. } => Intent::Reconcile { arrives: true },
        Class::Stopping | Class::Stopped => Intent::Cancel,
        Class::Announced => Intent::Nothing("the start is only announced".to_owned()),
        Class::BackupStart => {
            Intent::Nothing("a backup started it: the guest was not booted".to_owned())
        }
        Class::BackupStop => Intent::Nothing("a backup stops it".to_owned()),
        Class::Elsewhere { owner } => Intent::Nothing(format!("the guest is on node {owner}")),
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
            (Class::Unclassified, true),
            (Class::Requested, true),
            (Class::Announced, false),
            (Class::BackupStart, false),
            (Class::BackupStop, false),
            (Class::Stopping, false),
            (Class::Stopped, false),
            (Class::Elsewhere { owner: "b".into() }, false),
        ] {
            let reconciles = matches!(intent(&class), Intent::Reconcile { .. });
            assert_eq!(reconciles, acts, "{class:?}");
        }
    }
}
