//! A lab as an operator has it: a node with the real package and a configuration, and bare guests that
//! Proxmox starts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use phoenix_common::retry::Deadline;
use serde_json::Value;

use crate::lab::{GuestSpec, HOOKSCRIPT, Lab, LabError, LabSpec, NodeSpec, Ran, Suite, packages};

/// The image that the demo's stack uses, in the lab's registry.
const IMAGE: &str = "phoenix-demo/web:1";
const PHOENIX_LIMIT: Duration = Duration::from_mins(5);

/// The node `pve1` with Phoenix installed, the demo's configuration, and guests 1001 and 1002 switched off.
#[derive(Debug)]
pub struct Estate(pub Lab);

/// Why an estate could not be made or did not become what it shall be.
#[derive(Debug, thiserror::Error)]
pub enum EstateError {
    #[error(
        "no phoenix-hook package: run make deb PROFILE=lab and set PHOENIX_DEB_DIR to its folder"
    )]
    NoPackage,
    #[error("the lab")]
    Lab(#[from] LabError),
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("qm start {vmid} failed: {text}")]
    Start { vmid: u32, text: String },
    #[error("not converged within {seconds} s: {status}")]
    NotConverged { seconds: u64, status: String },
}

/// Everything the demo's configuration makes in the Swarm, and nothing twice; see [`Estate::swarm_state`].
pub const DEMO_STATE: [&str; 10] = [
    "config dev1_hello_greeting",
    "config production_hello_greeting",
    "network dev1_hello_inside",
    "network production_hello_inside",
    "node vm1001/Ready/Leader",
    "node vm1002/Ready/",
    "service dev1_hello_model/replicated/1/1",
    "service dev1_hello_web/replicated/1/1",
    "service production_hello_model/replicated/1/1",
    "service production_hello_web/replicated/1/1",
];

/// The folder with the demo's configuration.
pub fn demo_configuration() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/phoenix")
}

/// The lab that an estate needs: a Debian 12 manager and a Debian 13 worker, both off.
pub fn estate_spec() -> Result<LabSpec, EstateError> {
    let package = packages("phoenix-hook")
        .pop()
        .ok_or(EstateError::NoPackage)?;
    let guest = |vmid, suite| {
        GuestSpec::new(vmid, suite)
            .stopped()
            .config(&format!("hookscript: {HOOKSCRIPT}"))
    };
    Ok(LabSpec::new()
        .guest_with(guest(1001, Suite::Bookworm))
        .guest_with(guest(1002, Suite::Trixie))
        .image(IMAGE)
        .node(NodeSpec::new().package(package)))
}

impl Estate {
    /// # Errors
    /// The lab cannot be held here, or did not come up.
    pub fn up() -> Result<Self, EstateError> {
        let estate = Self(Lab::up(&estate_spec()?)?);
        estate.configure(&demo_configuration())?;
        Ok(estate)
    }

    /// For tests; `None` with a printed line where no lab can be held.
    ///
    /// # Panics
    /// The lab could be held but did not come up.
    #[expect(clippy::panic, reason = "the entry of tests")]
    pub fn for_test() -> Option<Self> {
        let spec = estate_spec().unwrap_or_else(|error| panic!("{error}"));
        let estate = Self(Lab::for_test(&spec)?);
        if let Err(error) = estate.configure(&demo_configuration()) {
            panic!("{error}");
        }
        Some(estate)
    }

    /// Copies a configuration folder to `/etc/phoenix` of the node.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn configure(&self, folder: &Path) -> Result<(), EstateError> {
        self.copy(folder, "/etc/phoenix")
    }

    fn copy(&self, from: &Path, to: &str) -> Result<(), EstateError> {
        let failed = |source| EstateError::Read {
            path: from.to_owned(),
            source,
        };
        for entry in std::fs::read_dir(from).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let target = format!("{to}/{name}");
            if path.is_dir() {
                self.copy(&path, &target)?;
            } else {
                let content = std::fs::read(&path).map_err(failed)?;
                self.0.node().sh(&format!("mkdir -p {to}"))?;
                self.0.node().write(&target, content, 0o644)?;
            }
        }
        Ok(())
    }

    /// `qm start <vmid>`, as an administrator or Proxmox's boot does; what the task printed.
    ///
    /// # Errors
    /// The task failed.
    pub fn start(&self, vmid: u32) -> Result<String, EstateError> {
        let ran = self.0.node().qm(&format!("start {vmid}"))?;
        if ran.success() {
            return Ok(ran.stdout + &ran.stderr);
        }
        Err(EstateError::Start {
            vmid,
            text: ran.stdout + &ran.stderr,
        })
    }

    /// `phoenix <words>` on the node; words are split at blanks.
    ///
    /// # Errors
    /// The node is off.
    pub fn phoenix(&self, words: &str) -> Result<Ran, EstateError> {
        let argv: Vec<&str> = std::iter::once("phoenix")
            .chain(words.split_whitespace())
            .collect();
        let command = self.0.node().command(&argv)?;
        Ok(command.deadline(PHOENIX_LIMIT).run()?)
    }

    /// `phoenix status --json`.
    ///
    /// # Errors
    /// The node is off.
    pub fn status(&self) -> Result<Value, EstateError> {
        let ran = self.phoenix("status --json")?;
        Ok(serde_json::from_str(&ran.stdout).unwrap_or(Value::String(ran.stderr)))
    }

    /// Waits until every guest's last run ended converged and nothing is pending. `look` sees each status.
    ///
    /// # Errors
    /// The deadline passed.
    pub fn wait_converged(
        &self,
        limit: Duration,
        mut look: impl FnMut(&Value),
    ) -> Result<(), EstateError> {
        let deadline = Deadline::after(limit);
        loop {
            let status = self.status()?;
            look(&status);
            if is_converged(&status) {
                return Ok(());
            }
            if deadline.has_passed() {
                return Err(EstateError::NotConverged {
                    seconds: limit.as_secs(),
                    status: status.to_string(),
                });
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

impl Estate {
    /// What the Swarm holds, one line each, sorted: nodes, services with their running tasks, networks and configs.
    ///
    /// # Errors
    /// The manager's Docker does not answer.
    pub fn swarm_state(&self) -> Result<Vec<String>, EstateError> {
        const LISTS: [(&str, &str); 4] = [
            (
                "node",
                "node ls --format {{.Hostname}}/{{.Status}}/{{.ManagerStatus}}",
            ),
            (
                "service",
                "service ls --format {{.Name}}/{{.Mode}}/{{.Replicas}}",
            ),
            (
                "network",
                "network ls --filter label=com.docker.stack.namespace --format {{.Name}}",
            ),
            ("config", "config ls --format {{.Name}}"),
        ];
        let manager = self.0.guest(1001);
        let mut state = Vec::new();
        for (kind, words) in LISTS {
            let output = manager.docker(words)?;
            state.extend(output.lines().map(|line| format!("{kind} {line}")));
        }
        state.sort();
        Ok(state)
    }

    /// Requests other than GET and HEAD that the guests' engines got so far.
    pub fn docker_writes(&self) -> Vec<String> {
        [1001, 1002]
            .map(|vmid| self.0.guest(vmid).docker_writes())
            .concat()
    }

    /// Sends SIGKILL to every process of the worker. systemd starts it again.
    ///
    /// # Errors
    /// The node is off.
    pub fn kill_worker(&self) -> Result<(), EstateError> {
        let script = "systemctl kill --signal=KILL phoenix-worker.service";
        Ok(self.0.node().sh(script).map(drop)?)
    }
}

fn is_converged(status: &Value) -> bool {
    let Some(guests) = status["guests"].as_array() else {
        return false;
    };
    guests
        .iter()
        .all(|guest| guest["events_pending"] == 0 && guest["record"]["outcome"] == "converged")
}
