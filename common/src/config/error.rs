//! A mistake in the configuration, and all of them together.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::origin::Origin;
use crate::vmid::Vmid;

/// One mistake. Never holds the value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
pub struct ConfigError {
    pub rule: Rule,
    pub severity: Severity,
    #[serde(flatten)]
    pub origin: Box<Origin>,
    pub message: String,
    /// What the operator can do.
    pub hint: Option<String>,
    #[serde(skip)]
    pub scope: Scope,
    /// The line of the file and the marks under it; absent where it could show a secret.
    #[serde(skip)]
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
    TooMany,
    SaidTwice,
    DuplicateVmid,
    DuplicateAddress,
    DuplicateName,
    UnknownStack,
    UnknownEnvironment,
    UnknownGuest,
    UnknownVolume,
    FeatureOff,
    VolumeServer,
    ServerTrust,
    MountOption,
    Address,
    NodeLabel,
    PlacementConstraint,
    Swarm,
    Portainer,
    SecretInPlainText,
    Destination,
    MissingSource,
}

impl ConfigError {
    /// A mistake of the whole estate, without excerpt, until it is said otherwise.
    pub(super) fn at(origin: Origin, rule: Rule, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: Severity::Error,
            origin: Box::new(origin),
            message: message.into(),
            hint: None,
            scope: Scope::Whole,
            excerpt: None,
        }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    #[must_use]
    pub(super) fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    #[must_use]
    pub(super) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
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
