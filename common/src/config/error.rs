//! A mistake in the configuration, and all of them together.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::origin::Origin;
use crate::vmid::Vmid;

/// One mistake. Never holds the value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub rule: Rule,
    pub severity: Severity,
    pub origin: Box<Origin>,
    pub message: String,
    /// What the operator can do.
    pub hint: Option<String>,
    pub scope: Scope,
    /// The line of the file and the marks under it; absent where it could show a secret.
    pub excerpt: Option<Box<Excerpt>>,
}

/// A source line with the columns that are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    pub line_text: String,
    /// Characters before the mark.
    pub mark_start: usize,
    pub mark_length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

/// Whom a mistake stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything: the file as a whole cannot be used.
    Whole,
    /// These guests. With `every_swarm_member` also all guests of any Swarm, since the entry that
    /// cannot be read may be one of their managers.
    Guests {
        vmids: BTreeSet<Vmid>,
        every_swarm_member: bool,
    },
    /// Guests this stack is assigned to.
    Stack(String),
}

/// The rule that was broken; its text form is stable and stands in the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    FileUnreadable,
    Syntax,
    DuplicateKey,
    UnknownKey,
    MissingKey,
    WrongType,
    WrongValue,
    UnsupportedVersion,
    SaidTwice,
    DuplicateVmid,
    DuplicateAddress,
    DuplicateName,
    UnknownStack,
    UnknownEnvironment,
    UnknownGuest,
    UnknownVolume,
    FeatureOff,
    Address,
    NodeLabel,
    PlacementConstraint,
    Swarm,
    Portainer,
    SecretInPlainText,
    Destination,
    MissingSource,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Serialising a unit variant gives its name.
        Serialize::serialize(self, formatter)
    }
}

impl fmt::Display for ConfigError {
    /// One line: `FILE:LINE:COLUMN (JSON PATH): MESSAGE [RULE]; HINT`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {} [{}]",
            self.origin, self.message, self.rule
        )?;
        match &self.hint {
            Some(hint) => write!(formatter, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Every mistake that was found, in the order of the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    /// The first mistake and how many more there are, on one line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => formatter.write_str("the configuration is fine"),
            [only] => only.fmt(formatter),
            [first, rest @ ..] => write!(
                formatter,
                "{first} (and {} more: phoenix validate)",
                rest.len()
            ),
        }
    }
}
