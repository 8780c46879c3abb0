//! How Proxmox's tools fail: the text they die with, and errno as the exit code where Perl's `die` has it.

/// A failure of a tool, in Proxmox's own words.
#[derive(Debug, thiserror::Error)]
pub(super) enum PveError {
    #[error("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist")]
    NoConfig {
        node: String,
        folder: &'static str,
        vmid: u32,
    },
    #[error("unable to find configuration file for {kind} {vmid} on node '{node}'")]
    NotHere {
        kind: &'static str,
        vmid: u32,
        node: String,
    },
    #[error("{kind} is locked ({lock})")]
    Locked { kind: &'static str, lock: String },
    #[error("VM {0} already running")]
    AlreadyRunning(u32),
    /// With the empty line that the tool prints too.
    #[error("VM {0} not running\n")]
    NotRunning(u32),
    #[error("can't lock file '{0}' - got timeout")]
    LockTimeout(String),
    #[error("hookscript error for {vmid} on {phase}: {wrong} ")]
    Hook {
        vmid: u32,
        phase: &'static str,
        wrong: String,
    },
    #[error("VM quit/powerdown failed - got timeout")]
    PowerdownTimeout,
    #[error("QEMU guest agent is not running")]
    NoAgent,
    #[error("Agent error: {0}")]
    Agent(String),
    /// Parameters are wrong; no line of usage is promised.
    #[error("{0}")]
    Usage(String),
    #[error("400 Parameter verification failed.\n{0}")]
    Parameter(String),
    #[error("{text}")]
    Died { text: String, code: u8 },
    /// A command in a container ended so; all is said already.
    #[error("")]
    Silent(u8),
    /// The double itself failed, not Proxmox.
    #[error("pve double: {0}")]
    Double(String),
    /// A task failed and has said why.
    #[error("{wrong}")]
    Task { upid: String, wrong: String },
}

impl PveError {
    pub(super) fn usage(text: &str) -> Self {
        Self::Usage(text.to_owned())
    }

    pub(super) fn died(code: u8, text: impl Into<String>) -> Self {
        let text = text.into();
        Self::Died { text, code }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            // ENOENT, left by the failed open.
            Self::NoConfig { .. } | Self::NotHere { .. } | Self::NotRunning(_) => 2,
            // EINTR, left by the alarm.
            Self::LockTimeout(_) => 4,
            Self::NoAgent | Self::Agent(_) => 29,
            Self::Died { code, .. } | Self::Silent(code) => *code,
            _ => 255,
        }
    }
}

impl From<std::io::Error> for PveError {
    fn from(error: std::io::Error) -> Self {
        Self::Double(error.to_string())
    }
}

impl From<crate::lab::LabError> for PveError {
    fn from(error: crate::lab::LabError) -> Self {
        Self::Double(phoenix_common::log::Chain(&error).to_string())
    }
}
