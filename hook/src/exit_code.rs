//! What the exit codes of every verb mean; the one place they are given numbers.

use std::process::ExitCode;

/// How a verb ended. The hook form always ends with [`Exit::Converged`] unless the operator chose
/// `pre_start: strict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is as it shall be.
    Converged,
    /// Something was tried and failed.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// `plan` found changes.
    ChangesPlanned,
    /// Not converged before the deadline.
    DeadlinePassed,
    /// Refused, since it would do harm.
    Refused,
    /// Ended by Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number, as documented in the usage guide.
    pub fn code(self) -> u8 {
        match self {
            Self::Converged => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::ChangesPlanned => 3,
            Self::DeadlinePassed => 4,
            Self::Refused => 5,
            // As a shell reports SIGINT: 128 + 2.
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
