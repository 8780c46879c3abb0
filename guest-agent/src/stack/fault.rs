//! What is wrong with a compose file, where, and what to do about it.

use std::fmt;

use phoenix_common::untrusted::Untrusted;

use super::yaml::Place;

/// One mistake: `compose.yml:4:7: services.web.imagee: unknown key; did you mean "image"?`
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// `None` where no single place is to blame.
    pub place: Option<Place>,
    /// The compose path, such as `services.web.ports[0]`; empty for the whole file.
    pub path: String,
    pub fault: Fault,
}

impl Problem {
    pub fn at(place: &Place, path: impl Into<String>, fault: Fault) -> Self {
        Self {
            place: Some(place.clone()),
            path: path.into(),
            fault,
        }
    }

    pub fn of(path: impl Into<String>, fault: Fault) -> Self {
        Self {
            place: None,
            path: path.into(),
            fault,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        if !self.path.is_empty() {
            write!(formatter, "{}: ", Untrusted(&self.path))?;
        }
        write!(formatter, "{}", Untrusted(&self.fault.to_string()))?;
        match self.fault.hint() {
            Some(hint) => write!(formatter, "; {}", Untrusted(&hint)),
            None => Ok(()),
        }
    }
}

/// All mistakes found, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// What kind of mistake it is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    // Reading YAML.
    #[error("not YAML: {message}")]
    Syntax { message: String },
    #[error("{bytes} bytes are more than the {limit} that are read")]
    TooLarge { bytes: usize, limit: usize },
    #[error("nested deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error("more than {limit} nodes, aliases included")]
    TooManyNodes { limit: usize },
    #[error("key {key:?} stands there twice, first in line {first_line}")]
    DuplicateKey { key: String, first_line: usize },
    #[error("a key must be a string, this is {found}")]
    KeyNotText { found: &'static str },
    #[error("`<<` takes a mapping or a list of mappings")]
    BadMerge,
    #[error("an alias inside of what it names")]
    AliasInsideItself,
    #[error("{text:?} does not fit its tag {tag}")]
    TagMismatch { tag: String, text: String },
    #[error("infinity and not-a-number are no values here")]
    NotFinite,

    // Keys and types.
    #[error("the file must be a mapping with the key `services`, this is {found}")]
    NotAMapping { found: &'static str },
    #[error("compose file version {version:?} is not supported")]
    UnsupportedVersion { version: String },
    #[error("version {second} differs from {first} of the first file")]
    VersionMismatch { first: String, second: String },
    #[error("`{key}` is not supported in a stack")]
    Forbidden { key: String, advice: &'static str },
    #[error("unknown key `{key}`")]
    UnknownKey { key: String, known: KnownAs },
    #[error("must be {wanted}, this is {found}")]
    WrongType { wanted: String, found: &'static str },
    #[error("item {first} and item {second} are equal")]
    NotUnique { first: usize, second: usize },
    #[error("{text:?} is not one of {choices}")]
    NotAChoice { text: String, choices: String },
    #[error("`{key}` is missing")]
    Missing { key: &'static str },
    #[error("must not be negative")]
    Negative,
    #[error("{text:?} is not {wanted}")]
    BadFormat { text: String, wanted: &'static str },

    // Variables.
    #[error("{template:?} has a `$` that starts no variable")]
    BadVariable { template: String },
    #[error("variable {name} is required: {message}")]
    RequiredVariable { name: String, message: String },
    #[error("the variable's value is not {wanted}")]
    BadCast { wanted: &'static str },

    // Meaning.
    #[error("`{first}` and `{second}` exclude each other")]
    Conflict { first: String, second: String },
    #[error("{kind} {name:?} is not declared under top-level `{kind}s`")]
    Undefined { kind: &'static str, name: String },
    #[error("no image")]
    NoImage,
    #[error("{image:?} is not an image reference")]
    BadImage { image: String },
    #[error("`replicas` goes with mode replicated or replicated-job only")]
    ReplicasWithGlobal,
    #[error("two entries have the target {target:?}")]
    DuplicateTarget { target: String },
    #[error("source must be {wanted} for type {mount}")]
    MountSource { mount: String, wanted: &'static str },
    #[error("{source_path:?} is relative, and a node has no directory it could start from")]
    RelativeBind { source_path: String },
    #[error("{size} bytes of content; Swarm takes {least} to {most}")]
    ContentSize {
        size: usize,
        least: usize,
        most: usize,
    },
    #[error("no content: file {name:?} was not given")]
    FileNotGiven { name: String },
    #[error("file {name:?} cannot be read")]
    FileNotRead { name: String },
    #[error("line {line} of env file {name:?}: {reason}")]
    EnvFile {
        name: String,
        line: usize,
        reason: &'static str,
    },
    #[error("{name:?} is not a name the engine takes: {reason}")]
    BadName { name: String, reason: &'static str },
    #[error("port {port} is published twice, also by service {other}")]
    PortTaken { port: String, other: String },
    #[error("services wait for each other: {}", services.join(" -> "))]
    DependencyCycle { services: Vec<String> },
    #[error("network {network:?} has the driver {driver}, which makes a network of one node")]
    LocalNetwork { network: String, driver: String },
    #[error("{text:?} is not a placement constraint")]
    BadConstraint { text: String },
    #[error("shorter than 1 ms")]
    TooShort,
    #[error("less than {least}, the least the engine takes")]
    TooSmall { least: &'static str },

    /// Another one's text with the values of variables hidden.
    #[error("{message}")]
    Masked { message: String },

    // What the manifest adds.
    #[error("`{key}` hardens or opens the container and has no effect in a stack")]
    HardeningDropped { key: String },
    #[error("no service of that name in the compose file")]
    NoSuchService,
    #[error("file {name:?} is used by nothing in the compose file")]
    FileNotUsed { name: String },
}

/// Why a key may look right to its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownAs {
    Nothing,
    /// A key of nearly that spelling.
    Similar(&'static str),
    /// Known from this version of the format on.
    Since(String),
    /// A key of `docker compose` that stacks do not have.
    ComposeOnly,
}

impl Fault {
    /// What the author can do.
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Forbidden { advice, .. } => (*advice).to_owned(),
            Self::UnknownKey { known, .. } => match known {
                KnownAs::Nothing => return None,
                KnownAs::Similar(key) => format!("did you mean {key:?}?"),
                KnownAs::Since(version) => format!("it needs version {version:?} of the format or no `version`"),
                KnownAs::ComposeOnly => "docker compose has it, stacks do not".to_owned(),
            },
            Self::UnsupportedVersion { .. } => "leave `version` out, or write \"3.0\" to \"3.13\"".to_owned(),
            Self::BadVariable { .. } => "write `$$` for a plain `$`".to_owned(),
            Self::BadFormat {
                wanted: "a duration",
                ..
            } => "write a unit, such as 10s or 1m30s".to_owned(),
            Self::WrongType { wanted, .. } if wanted.contains("duration") => {
                "write a unit, such as 10s or 1m30s".to_owned()
            }
            Self::WrongType { wanted, found }
                if wanted.contains("string") && matches!(*found, "a boolean" | "a number" | "a date") =>
            {
                "put it in quotes".to_owned()
            }
            Self::NoImage => "a stack cannot build, name an image".to_owned(),
            Self::FileNotGiven { .. } => {
                "list it under the environment's `files` of the stack".to_owned()
            }
            Self::FileNotUsed { .. } => {
                "give it the name of a `configs:` or `secrets:` entry, or of a `file:`/`env_file:` path".to_owned()
            }
            Self::RelativeBind { .. } => "write the absolute path on the node, or use a config".to_owned(),
            Self::HardeningDropped { .. } => {
                "take it out, or set `dropped_keys` to warning".to_owned()
            }
            Self::LocalNetwork { .. } => "leave the driver out for an overlay".to_owned(),
            Self::BadConstraint { .. } => "write `node.labels.name == value` or `!=`".to_owned(),
            Self::DependencyCycle { .. } => "take one of them out of `depends_on`".to_owned(),
            _ => return None,
        })
    }
}
