//! What init and join have to do, by the state they find. Pure.

use phoenix_common::wire::Membership;

use super::error::SwarmError;
use super::state::OwnState;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is so already.
    Nothing,
    /// The node is in no Swarm: make or join one.
    Enter,
    /// What is left of an earlier membership must go first.
    LeaveThenEnter,
}

/// For a node that shall make a new Swarm.
///
/// # Errors
/// It would cost a membership that may be worth something.
pub fn init(state: &OwnState) -> Result<Step, SwarmError> {
    match &state.membership {
        Membership::Inactive => Ok(Step::Enter),
        Membership::Manager { .. } => Ok(Step::Nothing),
        // Also an engine that has just started is pending, and a manager without quorum: its Swarm is worth more.
        Membership::Pending => Err(SwarmError::Broken(
            "its engine is still joining a Swarm".into(),
        )),
        Membership::Worker { .. } => Err(SwarmError::InSwarm { role: "a worker" }),
        Membership::Locked => Err(SwarmError::Locked),
        Membership::Error { message } => Err(SwarmError::Broken(message.clone())),
    }
}

/// For a node that shall join the Swarm of `managers` (`address:port`). Never costs a membership: a member
/// whose managers do not answer is pending too.
///
/// # Errors
/// It is in another Swarm, locked, or a member that reaches no manager now.
pub fn join(state: &OwnState, managers: &[String]) -> Result<Step, SwarmError> {
    match &state.membership {
        Membership::Inactive => Ok(Step::Enter),
        // A join that never ended: no manager has made it a member.
        Membership::Pending | Membership::Error { .. } if state.node_id.is_empty() => {
            Ok(Step::LeaveThenEnter)
        }
        Membership::Pending => Err(unreachable(state, managers, "")),
        Membership::Error { message } => Err(unreachable(state, managers, message)),
        Membership::Locked => Err(SwarmError::Locked),
        Membership::Worker { .. } | Membership::Manager { .. } => {
            if knows_one_of(state, managers) {
                Ok(Step::Nothing)
            } else {
                Err(other_swarm(state))
            }
        }
    }
}

/// Why a member that does not work stays what it is.
fn unreachable(state: &OwnState, managers: &[String], message: &str) -> SwarmError {
    // One that knows no manager does not say whose member it is.
    if state.remote_managers.is_empty() || knows_one_of(state, managers) {
        SwarmError::MemberUnreachable {
            node_id: state.node_id.clone(),
            managers: state.remote_managers.clone(),
            message: message.to_owned(),
        }
    } else {
        other_swarm(state)
    }
}

fn knows_one_of(state: &OwnState, managers: &[String]) -> bool {
    let mut known = state.remote_managers.iter();
    known.any(|manager| managers.contains(manager))
}

fn other_swarm(state: &OwnState) -> SwarmError {
    SwarmError::OtherSwarm {
        managers: state.remote_managers.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(membership: Membership) -> OwnState {
        OwnState {
            membership,
            node_id: "n".into(),
            remote_managers: vec!["192.0.2.1:2377".into()],
        }
    }

    fn worker() -> Membership {
        Membership::Worker {
            node_id: "n".into(),
            node_address: "192.0.2.2".into(),
            remote_managers: Vec::new(),
        }
    }

    fn manager() -> Membership {
        Membership::Manager {
            node_id: "n".into(),
            node_address: "192.0.2.1".into(),
            cluster_id: "c".into(),
            error: String::new(),
        }
    }

    fn broken() -> Membership {
        Membership::Error {
            message: "certificate has expired".into(),
        }
    }

    #[test]
    fn init_never_costs_a_membership() {
        for (membership, wanted) in [
            (Membership::Inactive, Some(Step::Enter)),
            (Membership::Pending, None),
            (manager(), Some(Step::Nothing)),
            (worker(), None),
            (Membership::Locked, None),
            (broken(), None),
        ] {
            let shown = format!("{membership:?}");
            assert_eq!(init(&state(membership)).ok(), wanted, "{shown}");
        }
    }

    #[test]
    fn join_knows_its_swarm_by_the_managers() {
        let right = ["192.0.2.9:2377".to_owned(), "192.0.2.1:2377".to_owned()];
        let wrong = ["192.0.2.9:2377".to_owned()];
        for (membership, managers, wanted) in [
            (Membership::Inactive, &right[..], Some(Step::Enter)),
            (Membership::Pending, &right, None),
            (broken(), &right, None),
            (Membership::Locked, &right, None),
            (worker(), &right, Some(Step::Nothing)),
            (manager(), &right, Some(Step::Nothing)),
            (worker(), &wrong, None),
        ] {
            let shown = format!("{membership:?}");
            assert_eq!(join(&state(membership), managers).ok(), wanted, "{shown}");
        }
    }

    #[test]
    fn a_member_whose_managers_are_away_stays_a_member() {
        let right = ["192.0.2.1:2377".to_owned()];
        let wrong = ["192.0.2.9:2377".to_owned()];
        for membership in [Membership::Pending, broken()] {
            let mut state = state(membership);
            let error = join(&state, &right).unwrap_err();
            assert!(error.is_retryable(), "{error}");
            assert!(matches!(error, SwarmError::MemberUnreachable { .. }));
            let error = join(&state, &wrong).unwrap_err();
            assert!(matches!(error, SwarmError::OtherSwarm { .. }), "{error}");
            state.remote_managers.clear();
            let error = join(&state, &right).unwrap_err();
            assert!(matches!(error, SwarmError::MemberUnreachable { .. }));
            // No manager ever made it a member: a join that never ended.
            state.node_id.clear();
            assert_eq!(join(&state, &right).ok(), Some(Step::LeaveThenEnter));
        }
    }
}
