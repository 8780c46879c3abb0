//! What a deploy does not refuse but its author should know: warnings.

use std::fmt;

use phoenix_common::untrusted::Untrusted;

use super::yaml::Place;

/// One warning with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    pub place: Option<Place>,
    pub path: String,
    pub notice: Notice,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        if !self.path.is_empty() {
            write!(formatter, "{}: ", Untrusted(&self.path))?;
        }
        write!(formatter, "{}", Untrusted(&self.notice.to_string()))
    }
}

/// The kinds of warnings. Displayed only, never a failure; `thiserror` writes the texts.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Notice {
    #[error("variable {name} is not set, it becomes empty")]
    VariableNotSet { name: String },
    #[error("`{expression}` without braces: the rest was read as a default value and is dropped")]
    SwallowedDefault { expression: String },
    #[error("`{key}` has no effect in a stack")]
    KeyIgnored { key: String },
    #[error(
        "`{key}` hardens or opens the container with docker compose, in a stack it has no effect"
    )]
    HardeningDropped { key: String },
    #[error("`restart` is used, since there is no `deploy.restart_policy`")]
    RestartUsed,
    #[error("address {address} is ignored, the port listens on all addresses")]
    HostAddressIgnored { address: String },
    #[error(
        "{text:?} reads as a Windows drive: an anonymous volume with a target no task can mount"
    )]
    WindowsDrive { text: String },
    #[error("mount option {option:?} is ignored")]
    MountOptionIgnored { option: String },
    #[error("`~` stays as it is, HOME is not set")]
    HomeNotSet,
    #[error("`external.name` is an old form, write `external: true` and `name`")]
    ExternalName,
    #[error("converted to a tmpfs mount (docker stack deploy would drop it)")]
    TmpfsConverted,
    #[error("{what} is accepted here, docker stack deploy refuses it")]
    Tolerated { what: &'static str },
    #[error(
        "its data stays on one node, but its tasks may move: pin the stack or use shared storage"
    )]
    LocalData,
    #[error("there is no service {name} to wait for")]
    DependencyUnknown { name: String },
    #[error("declared and used by no service: it is not created")]
    NetworkNotUsed,
}

/// Warnings as they come up, each once.
#[derive(Debug, Default)]
pub struct Notices(pub Vec<Warning>);

impl Notices {
    pub fn add(&mut self, place: &Place, path: &str, notice: Notice) {
        self.push(Some(place.clone()), path, notice);
    }

    pub fn push(&mut self, place: Option<Place>, path: &str, notice: Notice) {
        let warning = Warning {
            place,
            path: path.to_owned(),
            notice,
        };
        if !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }
}
