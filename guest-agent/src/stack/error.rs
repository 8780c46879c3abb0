//! Why a stack was not deployed, removed or looked at.

use std::fmt;

use phoenix_common::log::Chain;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::{AgentFailure, FailureKind};

use super::bind_folders::BindError;
use super::diff::Mask;
use super::fault::{Fault, Problem, Problems};
use super::planner::Refusal;
use crate::docker::error::EngineError;
use crate::failure::Failure;

/// Most mistakes of one file that are sent.
const MISTAKES_SHOWN: usize = 50;

#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error("the compose file of stack {stack} cannot be used")]
    Input { stack: String, source: Problems },
    #[error("stack {stack} cannot be deployed over what is there")]
    Refused { stack: String, source: Refusals },
    #[error("this guest is no manager of a Swarm")]
    NotManager,
    #[error("{subject}: the engine refused it")]
    Write {
        /// `service dev1_shop_web`
        subject: String,
        source: EngineError,
    },
    #[error("cannot read {what} of stack {stack}")]
    Read {
        what: &'static str,
        stack: String,
        source: EngineError,
    },
    #[error("cannot read {what} of the Swarm")]
    ReadAll {
        what: &'static str,
        source: EngineError,
    },
    #[error("stack {stack} was written by others {rounds} times in between, last {last}")]
    Contended {
        stack: String,
        rounds: usize,
        /// `service dev1_shop_web`
        last: String,
    },
    #[error("stack {stack} does not run as it should: {}", Untrusted(&services.join("; ")))]
    NotRunning {
        stack: String,
        /// `web 0/2 running: No such image`
        services: Vec<String>,
    },
    #[error("after {seconds} s stack {stack} does not run yet: {}", Untrusted(&services.join("; ")))]
    WaitEnded {
        stack: String,
        seconds: u32,
        services: Vec<String>,
    },
    #[error("stack {stack} was rolled back and runs as before the deploy, which failed")]
    RolledBack {
        stack: String,
        source: Box<StackError>,
    },
    #[error(
        "stack {stack} failed and did not come back to what it was before ({})", Chain(rollback.as_ref())
    )]
    NotRolledBack {
        stack: String,
        /// Why the way back ended early.
        rollback: Box<StackError>,
        source: Box<StackError>,
    },
    #[error("{} could not be put back: {}", subjects.join(", "), Untrusted(&reasons.join("; ")))]
    NotPutBack {
        subjects: Vec<String>,
        reasons: Vec<String>,
    },
    #[error("stack {stack} binds a folder that is missing")]
    Folder { stack: String, source: BindError },
    #[error("in time stack {stack} did not come so far: {}", Untrusted(text))]
    DependencyEnded { stack: String, text: String },
    #[error("after {seconds} s there is still {} of stack {stack}", Untrusted(&left.join(", ")))]
    NotRemoved {
        stack: String,
        seconds: u32,
        left: Vec<String>,
    },
}

impl StackError {
    /// With the values of the deploy's variables hidden.
    #[must_use]
    pub fn masked(mut self, mask: &Mask) -> Self {
        match &mut self {
            Self::Input { source, .. } => {
                for problem in &mut source.0 {
                    hide(problem, mask);
                }
            }
            Self::Write { source, .. }
            | Self::Read { source, .. }
            | Self::ReadAll { source, .. } => {
                if let EngineError::Status { message, .. } = source {
                    *message = mask.hide(message);
                }
            }
            Self::NotRunning { services, .. } | Self::WaitEnded { services, .. } => {
                for line in services {
                    *line = mask.hide(line);
                }
            }
            Self::NotPutBack { reasons, .. } => {
                for reason in reasons {
                    *reason = mask.hide(reason);
                }
            }
            Self::DependencyEnded { text, .. } => *text = mask.hide(text),
            Self::RolledBack { source, .. } => mask_boxed(source, mask),
            Self::NotRolledBack {
                rollback, source, ..
            } => {
                mask_boxed(rollback, mask);
                mask_boxed(source, mask);
            }
            Self::Refused { .. }
            | Self::Folder { .. }
            | Self::NotManager
            | Self::Contended { .. }
            | Self::NotRemoved { .. } => {}
        }
        self
    }
}

fn mask_boxed(error: &mut Box<StackError>, mask: &Mask) {
    let open = std::mem::replace(&mut **error, StackError::NotManager);
    **error = open.masked(mask);
}

/// Place and path stay: they come from keys, which no variable changes.
fn hide(problem: &mut Problem, mask: &Mask) {
    let message = problem.fault.to_string();
    let hidden = mask.hide(&message);
    if hidden != message {
        problem.fault = Fault::Masked { message: hidden };
    }
}

/// All refusals of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusals(pub Vec<Refusal>);

impl fmt::Display for Refusals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refusal) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{}", Untrusted(&refusal.to_string()))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusals {}

impl Failure for StackError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Input { .. } => FailureKind::Input,
            Self::Refused { .. } => FailureKind::Refused,
            Self::Write { source, .. }
            | Self::Read { source, .. }
            | Self::ReadAll { source, .. } => source.kind(),
            Self::Contended { .. } | Self::WaitEnded { .. } | Self::DependencyEnded { .. } => {
                FailureKind::Retryable
            }
            Self::Folder { source, .. } => source.kind(),
            Self::NotManager
            | Self::NotRunning { .. }
            | Self::NotRemoved { .. }
            | Self::RolledBack { .. }
            | Self::NotRolledBack { .. }
            | Self::NotPutBack { .. } => FailureKind::Failed,
        }
    }

    /// Each mistake is a message of its own.
    fn into_failure(self) -> AgentFailure {
        let mut failure = AgentFailure {
            hint: self.hint(),
            ..crate::failure::failure(self.kind(), &self)
        };
        let each: Vec<String> = match &self {
            Self::Input { source, .. } => source.0.iter().map(ToString::to_string).collect(),
            Self::Refused { source, .. } => source.0.iter().map(ToString::to_string).collect(),
            _ => return failure,
        };
        failure.messages.truncate(1);
        failure
            .messages
            .extend(each.into_iter().take(MISTAKES_SHOWN));
        failure
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotManager => Some("deploy through a manager of the Swarm".to_owned()),
            Self::NotRemoved { .. } => {
                Some("remove it again; a node that is down keeps its tasks".to_owned())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::fault::{Fault, Problem};

    #[test]
    fn each_mistake_is_a_message() {
        let problem = |path: &str| Problem::of(path, Fault::NoImage);
        let error = StackError::Input {
            stack: "s".into(),
            source: Problems(vec![problem("services.a"), problem("services.b")]),
        };
        let failure = error.into_failure();
        assert_eq!(failure.kind, FailureKind::Input);
        assert_eq!(
            failure.messages,
            [
                "the compose file of stack s cannot be used",
                "services.a: no image; a stack cannot build, name an image",
                "services.b: no image; a stack cannot build, name an image",
            ]
        );
    }
}
