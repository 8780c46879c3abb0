//! fakepve (`PyPI`), an independently written Proxmox VE REST API, corrected as `tests/fakepve/corrections.py` says.
//!
//! ```no_run
//! use phoenix_tests::fakepve::FakePve;
//! let pve = FakePve::start()?;
//! pve.add_template(9000)?;
//! pve.ask("add-token", &serde_json::json!({"token": "root@pam!t1", "secret": "x"}))?;
//! # Ok::<(), phoenix_tests::lab::LabError>(())
//! ```

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use phoenix_common::digest::sha256_hex;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lab::{LabError, Run, cache};

const REQUIREMENTS: &str = include_str!("../fakepve/requirements.txt");
const SERVE: &str = include_str!("../fakepve/serve.py");
const CORRECTIONS: &str = include_str!("../fakepve/corrections.py");

/// pip's own time-outs are shorter.
const INSTALL_LIMIT: Duration = Duration::from_mins(5);

/// A running server with one node, `pve1`; it ends with this handle.
#[derive(Debug)]
pub struct FakePve {
    server: Child,
    /// Commands go one at a time.
    channel: Mutex<Channel>,
    address: Address,
    folder: TempDir,
}

#[derive(Debug)]
struct Channel {
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Where it listens, and the certificate that proves it.
#[derive(Debug, Clone, Deserialize)]
pub struct Address {
    /// `https://127.0.0.1:<port>`.
    pub url: String,
    /// Its certificate as PEM.
    pub ca: PathBuf,
    /// SHA-256 of the certificate, in hex.
    pub fingerprint: String,
}

/// Python with the pinned packages; from `PyPI` when the cache has none.
///
/// # Errors
/// [`LabError::Unusable`] where it cannot be installed.
pub fn install() -> Result<PathBuf, LabError> {
    let key = format!("fakepve-{}", &sha256_hex(REQUIREMENTS.as_bytes())[..10]);
    let python = Path::new("bin/python3");
    let folder = cache::entry(
        &key,
        |entry| entry.join("whole").is_file(),
        |folder| {
            let requirements = folder.join("requirements.txt");
            fs::write(&requirements, REQUIREMENTS)
                .map_err(LabError::path("write", &requirements))?;
            let script = "/usr/bin/python3 -m venv \"$1\" && \
            \"$1/bin/python3\" -m pip install --quiet --disable-pip-version-check -r \"$1/requirements.txt\" && \
            touch \"$1/whole\"";
            let install = Run::new(["sh", "-c", script, "sh"]).arg(folder);
            let installed = install.deadline(INSTALL_LIMIT).ok();
            installed.map(drop).map_err(|error| {
                LabError::Unusable(format!("fakepve cannot be installed: {error}"))
            })
        },
    )?;
    Ok(folder.join(python))
}

impl FakePve {
    /// # Errors
    /// [`LabError::Unusable`] where fakepve cannot be installed; it does not start.
    pub fn start() -> Result<Self, LabError> {
        let python = install()?;
        let folder =
            tempfile::tempdir().map_err(LabError::path("create", &std::env::temp_dir()))?;
        for (name, text) in [("serve.py", SERVE), ("corrections.py", CORRECTIONS)] {
            let place = folder.path().join(name);
            fs::write(&place, text).map_err(LabError::path("write", &place))?;
        }
        let log = folder.path().join("log");
        let errors = fs::File::create(&log).map_err(LabError::path("create", &log))?;
        let mut server = Command::new(&python)
            .arg("-B")
            .arg(folder.path().join("serve.py"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|source| LabError::Spawn {
                command: python.display().to_string(),
                source,
            })?;
        let (Some(commands), Some(answers)) = (server.stdin.take(), server.stdout.take()) else {
            return Err(LabError::Control("fakepve has no pipes".into()));
        };
        let mut channel = Channel {
            commands,
            answers: BufReader::new(answers),
        };
        let line = channel.line(&log)?;
        let address =
            serde_json::from_str(&line).map_err(|error| LabError::Control(error.to_string()))?;
        Ok(Self {
            server,
            channel: Mutex::new(channel),
            address,
            folder,
        })
    }

    /// For tests: the server, or none with a printed line where it cannot be installed (an error when
    /// `PHOENIX_LAB_REQUIRED` is set).
    ///
    /// # Panics
    /// It could be installed but does not start.
    #[expect(clippy::panic, clippy::print_stderr, reason = "the entry of tests")]
    pub fn for_test() -> Option<Self> {
        match Self::start() {
            Ok(server) => Some(server),
            Err(LabError::Unusable(reason))
                if std::env::var_os("PHOENIX_LAB_REQUIRED").is_none() =>
            {
                eprintln!("skipped: {reason}");
                None
            }
            Err(error) => panic!("no fakepve: {}", phoenix_common::log::Chain(&error)),
        }
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A command of `serve.py` (`add-vm`, `clone`, `quorum`, `hold-lock`, …) with its arguments; its answer.
    ///
    /// # Errors
    /// The server's own words.
    pub fn ask(&self, command: &str, arguments: &Value) -> Result<Value, LabError> {
        let mut request = arguments.clone();
        request["do"] = json!(command);
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = writeln!(channel.commands, "{request}").and_then(|()| channel.commands.flush());
        sent.map_err(LabError::path("write to", Path::new("fakepve")))?;
        let line = channel.line(&self.folder.path().join("log"))?;
        let mut answer: Value =
            serde_json::from_str(&line).map_err(|error| LabError::Control(error.to_string()))?;
        match answer["wrong"].as_str() {
            Some(wrong) => Err(LabError::Control(format!("fakepve: {command}: {wrong}"))),
            None => Ok(answer["ok"].take()),
        }
    }

    /// A template with a 2 GiB disk and a cloud-init drive, and Phoenix as its hookscript.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn add_template(&self, vmid: u32) -> Result<(), LabError> {
        let config = json!({
            "agent": "1", "boot": "order=scsi0;ide2;net0", "cores": 1, "memory": "512", "name": "template",
            "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0", "ostype": "l26",
            "scsi0": format!("local:{vmid}/base-{vmid}-disk-0.qcow2,size=2G"),
            "ide2": format!("local:{vmid}/vm-{vmid}-cloudinit.qcow2,media=cdrom"),
            "scsihw": "virtio-scsi-pci",
        });
        let guest = json!({"vmid": vmid, "name": "template", "config": config, "template": true});
        self.ask("add-vm", &guest).map(drop)
    }

    /// A token; `grants` are `(path, privileges)`, and every token of root has all rights.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn add_token(
        &self,
        token: &str,
        secret: &str,
        grants: &[(&str, &[&str])],
    ) -> Result<(), LabError> {
        let grants = (!token.starts_with("root@pam!")).then_some(grants);
        let arguments = json!({"token": token, "secret": secret, "grants": grants});
        self.ask("add-token", &arguments).map(drop)
    }

    /// `{config, pending, status, lock, node}`, or null.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn guest(&self, vmid: u32) -> Result<Value, LabError> {
        self.ask("guest", &json!({"vmid": vmid}))
    }

    /// Requests so far that may have changed something: `POST /api2/json/nodes/pve1/qemu/9000/clone`.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn writes(&self) -> Result<Vec<String>, LabError> {
        let writes = self.ask("writes", &json!({}))?;
        serde_json::from_value(writes).map_err(|error| LabError::Control(error.to_string()))
    }
}

impl Channel {
    /// The next answer; what the server said before it died, when there is none.
    fn line(&mut self, log: &Path) -> Result<String, LabError> {
        let mut line = String::new();
        if let Ok(1..) = self.answers.read_line(&mut line) {
            return Ok(line);
        }
        let log = fs::read_to_string(log).unwrap_or_default();
        Err(LabError::Control(format!("fakepve ended: {}", log.trim())))
    }
}

impl Drop for FakePve {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
