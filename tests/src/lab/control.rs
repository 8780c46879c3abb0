//! How tests, the command line and the node's `qm` speak with the lab's process: one JSON line
//! each way over a socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

use super::error::LabError;

/// What the lab's process is asked. Machines are named by vmid, the node by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// Waits until all that starts with the lab is up.
    Up,
    Status {
        machine: String,
    },
    /// Makes its QEMU, and boots the guest unless `status` says otherwise; refused when it runs.
    Start {
        machine: String,
        #[serde(default)]
        status: QemuStatus,
    },
    /// QEMU's `cont`: boots a guest that has not run yet, thaws a paused one.
    Continue {
        machine: String,
    },
    /// QEMU's `stop`: the guest is frozen where it is.
    Pause {
        machine: String,
    },
    /// The power cut, with QEMU.
    Kill {
        machine: String,
    },
    /// The power button: the guest may shut down, or not.
    PowerButton {
        machine: String,
    },
    /// The reset button: a new boot, QEMU (and so its agent socket) lives on.
    Reset {
        machine: String,
    },
    /// Waits until it is off.
    AwaitOff {
        machine: String,
        seconds: u64,
    },
    /// Runs a program in it, as `pct exec` does; its end is waited for without limit.
    Run {
        machine: String,
        program: Program,
    },
    /// A new guest gets a place in the lab.
    Define {
        guest: super::spec::GuestSpec,
    },
    /// Its disks are destroyed: off, and nothing on them any more.
    Forget {
        machine: String,
    },
    /// Whether a played guest goes off when it is asked to.
    Obey {
        machine: String,
        obeys: bool,
    },
    /// Ends the lab.
    Down,
}

/// A program to run in a machine, with this environment and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    pub argv: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// Where it starts, if the machine has such a folder; else in `/`.
    pub folder: String,
    pub stdin: Bytes,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Exit code, or 128 + signal.
    pub code: u8,
    pub stdout: Bytes,
    pub stderr: Bytes,
}

/// Any bytes, as Base64 on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text);
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}

/// What QEMU's `query-status` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QemuStatus {
    #[default]
    Running,
    Paused,
    /// Started for a backup: the guest has not executed anything yet.
    Prelaunch,
    /// The target of a live migration, waiting for the guest.
    Inmigrate,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Reply {
    Done,
    Power { power: Power },
    Ran { output: Output },
    Failed { wrong: String },
}

/// What a machine does now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    pub running: bool,
    /// The host's pid of the machine's pid 1.
    pub init: Option<u32>,
    pub status: QemuStatus,
    /// Boots since the lab came up; a reset counts.
    pub boots: u32,
}

/// Asks the lab behind `socket`.
///
/// # Errors
/// Nobody answers within `deadline`, or the answer is a failure.
pub fn ask(socket: &Path, request: &Request, deadline: Duration) -> Result<Reply, LabError> {
    let failed = LabError::path("speak with the lab at", socket);
    let reply = exchange(socket, request, deadline).map_err(failed)?;
    match serde_json::from_str(&reply) {
        Ok(Reply::Failed { wrong }) => Err(LabError::Control(wrong)),
        Ok(reply) => Ok(reply),
        Err(_) => Err(LabError::Control(
            "the connection ended without an answer".into(),
        )),
    }
}

fn exchange(socket: &Path, request: &Request, deadline: Duration) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(deadline))?;
    stream.set_write_timeout(Some(deadline))?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply)?;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_their_form() {
        let request = Request::Start {
            machine: "1001".into(),
            status: QemuStatus::Running,
        };
        let text = r#"{"ask":"start","machine":"1001","status":"running"}"#;
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        let short = r#"{"ask":"start","machine":"1001"}"#;
        assert_eq!(serde_json::from_str::<Request>(short).unwrap(), request);
    }
}
