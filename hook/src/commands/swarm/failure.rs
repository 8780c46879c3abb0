//! How a failure of a guest's agent is told: what it lists, line by line, and a truthful exit code.

use std::io::Write;

use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{AgentFailure, FailureKind};

use crate::channel::{ChannelError, JobError};
use crate::commands::complain;
use crate::execute::ExecuteError;
use crate::exit_code::Exit;

/// Tells the error on stderr; the exit code it stands for.
pub(super) fn tell(error: &ExecuteError) -> Exit {
    match reported(error) {
        Some((vmid, failure)) => {
            for line in lines(vmid, failure) {
                // Whoever closed stderr does not want to hear it.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
        None => complain(error),
    }
    exit(error)
}

/// What the agent itself said, if it is the agent's failure.
fn reported(error: &ExecuteError) -> Option<(Vmid, &AgentFailure)> {
    match error {
        ExecuteError::Job(
            JobError::Failed { vmid, failure }
            | JobError::Channel(ChannelError::Refused { vmid, failure }),
        )
        | ExecuteError::Channel(ChannelError::Refused { vmid, failure }) => Some((*vmid, failure)),
        _ => None,
    }
}

/// One line a mistake: a message may list many.
pub(super) fn lines(vmid: Vmid, failure: &AgentFailure) -> Vec<String> {
    let mut lines = Vec::new();
    for text in failure.messages.iter().flat_map(|text| text.lines()) {
        let text = Untrusted(text);
        lines.push(if lines.is_empty() {
            format!("phoenix: guest {vmid}: {text}")
        } else {
            format!("  {text}")
        });
    }
    lines.extend(
        failure
            .hint
            .iter()
            .map(|hint| format!("  hint: {}", Untrusted(hint))),
    );
    lines
}

/// The exit code that an error of carrying out stands for.
pub(super) fn exit(error: &ExecuteError) -> Exit {
    let Some((_, failure)) = reported(error) else {
        return match error {
            error if error.is_deadline() || error.is_retryable() => Exit::DeadlinePassed,
            _ => Exit::Failed,
        };
    };
    match failure.kind {
        FailureKind::Input => Exit::Usage,
        FailureKind::Refused => Exit::Refused,
        FailureKind::Retryable => Exit::DeadlinePassed,
        FailureKind::Request | FailureKind::Protocol | FailureKind::Failed => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_mistakes_stays_a_list_and_steers_no_terminal() {
        let failure = AgentFailure {
            kind: FailureKind::Input,
            messages: vec![
                "the compose file of stack dev1_shop cannot be used".into(),
                "docker-compose.yml:3:5: services.web.imge: no such key\ndocker-compose.yml:9:1: \u{1b}[2J".into(),
            ],
            hint: Some("mend it".into()),
        };
        let vmid = Vmid::new(1001).unwrap();
        assert_eq!(
            lines(vmid, &failure),
            [
                "phoenix: guest 1001: the compose file of stack dev1_shop cannot be used",
                "  docker-compose.yml:3:5: services.web.imge: no such key",
                "  docker-compose.yml:9:1: \\u{1b}[2J",
                "  hint: mend it",
            ]
        );
        let error = ExecuteError::Job(JobError::Failed { vmid, failure });
        assert_eq!(exit(&error), Exit::Usage);
    }
}
