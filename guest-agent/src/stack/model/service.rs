//! A service.

use std::collections::BTreeMap;

use super::{Deploy, Origin};

/// Lists that were not written at all differ from empty ones where merging files tells them apart:
/// those are `Option`s.
#[derive(Clone)]
pub struct Service {
    pub origin: Origin,
    pub image: String,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    /// `None`: to be unset in the container.
    pub environment: BTreeMap<String, Option<String>>,
    pub labels: BTreeMap<String, String>,
    pub hostname: String,
    pub working_directory: String,
    pub user: String,
    pub isolation: String,
    pub stop_signal: String,
    /// Nanoseconds.
    pub stop_grace_period: Option<i64>,
    pub tty: bool,
    pub stdin_open: bool,
    pub read_only: bool,
    pub init: Option<bool>,
    pub restart: String,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub sysctls: BTreeMap<String, String>,
    pub ulimits: BTreeMap<String, Ulimit>,
    pub dns: Option<Vec<String>>,
    pub dns_search: Option<Vec<String>>,
    /// `host:address`
    pub extra_hosts: Vec<String>,
    pub credential_spec: CredentialSpec,
    pub healthcheck: Option<Healthcheck>,
    pub logging: Option<Logging>,
    pub networks: BTreeMap<String, Option<NetworkAttachment>>,
    pub ports: Option<Vec<Port>>,
    pub volumes: Option<Vec<Volume>>,
    pub configs: Option<Vec<FileReference>>,
    pub secrets: Option<Vec<FileReference>>,
    pub deploy: Deploy,
    /// Keys of services that come first. Empty in docker mode, where it has no meaning.
    pub depends_on: BTreeMap<String, Condition>,
}

/// What a service waits for before it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Its tasks have started.
    Started,
    /// They run, and are healthy where they have a health check.
    Healthy,
    /// They have ended well.
    Completed,
}

impl Condition {
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Healthy => "healthy",
            Self::Completed => "completed",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulimit {
    pub soft: i64,
    pub hard: i64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct CredentialSpec {
    pub config: String,
    pub file: String,
    pub registry: String,
}

/// Times in nanoseconds.
#[derive(Clone, Default, PartialEq)]
pub struct Healthcheck {
    pub test: Vec<String>,
    pub interval: Option<i64>,
    pub timeout: Option<i64>,
    pub start_period: Option<i64>,
    pub start_interval: Option<i64>,
    pub retries: Option<u64>,
    pub disable: bool,
}

#[derive(Clone, Default, PartialEq)]
pub struct Logging {
    pub driver: String,
    /// `None`: no `options` key.
    pub options: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Default, PartialEq)]
pub struct NetworkAttachment {
    pub aliases: Vec<String>,
    pub driver_options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    pub origin: Origin,
    pub target: u32,
    /// 0: any free port.
    pub published: u32,
    /// Empty where not given: the engine's default.
    pub protocol: String,
    pub mode: String,
}

/// A mount of any type.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    pub origin: Origin,
    pub kind: String,
    pub source: String,
    pub target: String,
    pub read_only: bool,
    pub consistency: String,
    /// Written in the short form.
    pub short: bool,
    /// Propagation.
    pub bind: Option<String>,
    pub volume: Option<VolumeOptions>,
    /// Size in bytes.
    pub tmpfs: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct VolumeOptions {
    pub no_copy: bool,
    pub subpath: String,
}

/// A config or secret in a service.
#[derive(Debug, Clone, PartialEq)]
pub struct FileReference {
    pub origin: Origin,
    pub source: String,
    pub target: String,
    pub uid: String,
    pub gid: String,
    pub mode: Option<u32>,
}

crate::stack::shown::shows_only!(Service { origin });
crate::stack::shown::shows_only!(Healthcheck {});
crate::stack::shown::shows_only!(Logging {});
crate::stack::shown::shows_only!(NetworkAttachment {});
