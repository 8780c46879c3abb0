//! One machine of a lab in the hands of a test.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use phoenix_common::retry::Deadline;

use super::control::{Power, QemuStatus, Reply, Request, ask};
use super::error::LabError;
use super::exec::Inside;
use super::machine::Hardware;
use super::qga::QgaConnection;
use super::run::{Ran, Run};

/// A guest or the node. Programs run in it by entering its namespaces.
#[derive(Debug, Clone)]
pub struct Guest {
    pub(super) hardware: Hardware,
}

/// What a power request may take.
const POWER_LIMIT: Duration = Duration::from_mins(1);
/// What a program in a machine may take unless it is told otherwise.
const RUN_LIMIT: Duration = Duration::from_mins(1);
/// Readiness of systemd, the agent, dockerd.
const READY_LIMIT: Duration = Duration::from_mins(2);

impl Guest {
    pub fn address(&self) -> Ipv4Addr {
        self.hardware.machine.address
    }

    pub fn hostname(&self) -> &str {
        &self.hardware.machine.hostname
    }

    fn name(&self) -> String {
        self.hardware.machine.name.clone()
    }

    // Power.

    /// # Errors
    /// It runs already, or does not come up.
    pub fn start(&self) -> Result<(), LabError> {
        self.power(&Request::Start {
            machine: self.name(),
            status: QemuStatus::Running,
        })
        .map(drop)
    }

    /// The power cut, with QEMU: nothing in the machine is told. Off is fine.
    ///
    /// # Errors
    /// It still runs.
    pub fn kill(&self) -> Result<(), LabError> {
        let request = Request::Kill {
            machine: self.name(),
        };
        self.power(&request).map(drop)
    }

    /// The reset button: it boots anew under the same QEMU, without any hook.
    ///
    /// # Errors
    /// It is off, or does not boot.
    pub fn reset(&self) -> Result<(), LabError> {
        self.power(&Request::Reset {
            machine: self.name(),
        })
        .map(drop)
    }

    /// Presses the power button and waits until it is off.
    ///
    /// # Errors
    /// It still runs after 60 s.
    pub fn power_off(&self) -> Result<(), LabError> {
        let request = Request::PowerButton {
            machine: self.name(),
        };
        self.power(&request)?;
        let waiting = Request::AwaitOff {
            machine: self.name(),
            seconds: 60,
        };
        let limit = POWER_LIMIT + Duration::from_secs(10);
        match ask(&self.hardware.layout.control(), &waiting, limit)? {
            Reply::Power { power } if !power.running => Ok(()),
            _ => Err(self.hardware.wrong("does not power off")),
        }
    }

    /// # Errors
    /// The lab does not answer.
    pub fn status(&self) -> Result<Power, LabError> {
        match self.power(&Request::Status {
            machine: self.name(),
        })? {
            Reply::Power { power } => Ok(power),
            _ => Err(LabError::Control("no power in the answer".into())),
        }
    }

    fn power(&self, request: &Request) -> Result<Reply, LabError> {
        ask(&self.hardware.layout.control(), request, POWER_LIMIT)
    }

    // Programs and files.

    fn inside(&self) -> Result<Inside, LabError> {
        let init = self.hardware.init();
        init.map(|init| Inside(init.pid))
            .ok_or_else(|| self.hardware.wrong("is off"))
    }

    /// A program in it, to be given input or another deadline.
    ///
    /// # Errors
    /// It is off.
    pub fn command(&self, argv: &[&str]) -> Result<Run, LabError> {
        Ok(self.inside()?.run(argv.iter().copied()).deadline(RUN_LIMIT))
    }

    /// Runs a program in it, whatever its exit code.
    ///
    /// # Errors
    /// It is off; the program does not end within 60 s.
    pub fn run(&self, argv: &[&str]) -> Result<Ran, LabError> {
        self.command(argv)?.run()
    }

    /// What a shell script in it prints; it must end with 0.
    ///
    /// # Errors
    /// As [`Self::run`]; [`LabError::Failed`].
    pub fn sh(&self, script: &str) -> Result<String, LabError> {
        let ran = self.command(&["/bin/sh", "-c", script])?.ok()?;
        Ok(ran.stdout.trim_end().to_owned())
    }

    /// What `docker <words>` prints there; words are split at blanks.
    ///
    /// # Errors
    /// As [`Self::sh`].
    pub fn docker(&self, words: &str) -> Result<String, LabError> {
        let argv: Vec<&str> = std::iter::once("docker")
            .chain(words.split_whitespace())
            .collect();
        Ok(self.command(&argv)?.ok()?.stdout.trim_end().to_owned())
    }

    /// Runs a program (none: a login shell) on the caller's terminal; its exit code.
    ///
    /// # Errors
    /// It is off.
    pub fn interactive(&self, argv: &[String]) -> Result<i32, LabError> {
        let login = ["/bin/bash", "-l"].map(str::to_owned);
        let argv = if argv.is_empty() { &login[..] } else { argv };
        let ended = self.inside()?.interactive(argv);
        ended.map_err(LabError::path(
            "run a program in",
            self.hardware.place.folder(),
        ))
    }

    /// Where a file of the running machine lies for the test.
    ///
    /// # Errors
    /// It is off.
    pub fn path(&self, inside: &str) -> Result<PathBuf, LabError> {
        Ok(self.inside()?.path(inside))
    }

    /// Writes a file there, with its folders.
    ///
    /// # Errors
    /// It is off, or the file cannot be written.
    pub fn write(
        &self,
        inside: &str,
        content: impl AsRef<[u8]>,
        mode: u32,
    ) -> Result<(), LabError> {
        self.inside()?.write(inside, content.as_ref(), mode)
    }

    /// # Errors
    /// It is off, or the file cannot be read.
    pub fn read(&self, inside: &str) -> Result<String, LabError> {
        let path = self.path(inside)?;
        std::fs::read_to_string(&path).map_err(LabError::path("read", &path))
    }

    /// What `journalctl -u <unit>` prints, all boots.
    ///
    /// # Errors
    /// As [`Self::sh`].
    pub fn journal(&self, unit: &str) -> Result<String, LabError> {
        let argv = [
            "journalctl",
            "--no-pager",
            "-o",
            "short-precise",
            "-u",
            unit,
        ];
        Ok(self.command(&argv)?.ok()?.stdout)
    }

    // The agent and Docker.

    /// The agent's socket, as Proxmox's tools see it.
    pub fn qga_socket(&self) -> PathBuf {
        let machine = &self.hardware.machine;
        machine
            .vmid
            .map_or_else(PathBuf::new, |vmid| self.hardware.layout.qga(vmid))
    }

    /// A connection to the agent, synchronised.
    ///
    /// # Errors
    /// No socket, or no answer within 5 s.
    pub fn qga(&self) -> Result<QgaConnection, LabError> {
        let mut connection = QgaConnection::connect(&self.qga_socket(), Duration::from_secs(5))?;
        connection.sync()?;
        Ok(connection)
    }

    /// What a played agent was asked so far.
    pub fn agent_requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.hardware.place.agent_requests());
        log.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Every request that reached dockerd: `POST /v1.41/services/create`.
    pub fn docker_requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.hardware.place.docker_requests());
        log.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Those of [`Self::docker_requests`] that may change something.
    pub fn docker_writes(&self) -> Vec<String> {
        let reads = |line: &String| line.starts_with("GET ") || line.starts_with("HEAD ");
        self.docker_requests()
            .into_iter()
            .filter(|line| !reads(line))
            .collect()
    }

    /// Memory in use and its limit for the whole machine, in bytes, as the host's cgroup says.
    ///
    /// # Errors
    /// It is off.
    pub fn memory_limit_bytes(&self) -> Result<u64, LabError> {
        let folder = self.hardware.memory_folder();
        let v1 = folder.join("memory.limit_in_bytes");
        let file = if v1.exists() {
            v1
        } else {
            folder.join("memory.max")
        };
        let text = std::fs::read_to_string(&file).map_err(LabError::path("read", &file))?;
        Ok(text.trim().parse().unwrap_or(u64::MAX))
    }

    // Readiness.

    /// Waits until systemd has started all there is.
    ///
    /// # Errors
    /// A unit failed, or 120 s passed.
    pub fn wait_running(&self) -> Result<(), LabError> {
        self.wait("systemd to be running", READY_LIMIT, || {
            let ran = self.run(&["systemctl", "is-system-running"])?;
            match ran.stdout.trim() {
                "running" => Ok(None),
                "degraded" => {
                    let failed = self.sh("systemctl --failed --plain --no-legend")?;
                    Err(self.hardware.wrong(format!("has failed units: {failed}")))
                }
                other => Ok(Some(other.to_owned())),
            }
        })
    }

    /// Waits until the agent answers through the relay.
    ///
    /// # Errors
    /// 120 s passed.
    pub fn wait_agent(&self) -> Result<(), LabError> {
        let socket = self.qga_socket();
        self.wait("the agent", READY_LIMIT, || {
            let answer = QgaConnection::connect(&socket, Duration::from_secs(1))
                .and_then(|mut connection| connection.sync());
            Ok(answer.err().map(|error| error.to_string()))
        })
    }

    /// Waits until dockerd answers.
    ///
    /// # Errors
    /// 120 s passed.
    pub fn wait_docker(&self) -> Result<(), LabError> {
        self.wait("dockerd", READY_LIMIT, || {
            let ran = self.run(&["docker", "version", "--format", "{{.Server.Version}}"])?;
            Ok((!ran.success()).then_some(ran.stderr))
        })
    }

    /// Asks `probe` until it says that all is well (none), with growing pauses.
    ///
    /// # Errors
    /// Its own error; [`LabError::Waited`] with its last word.
    pub fn wait(
        &self,
        awaited: &str,
        longest: Duration,
        mut probe: impl FnMut() -> Result<Option<String>, LabError>,
    ) -> Result<(), LabError> {
        let deadline = Deadline::after(longest);
        let mut pause = Duration::from_millis(20);
        loop {
            let Some(last) = probe()? else { return Ok(()) };
            if deadline.has_passed() {
                return Err(LabError::Waited {
                    machine: self.name(),
                    awaited: awaited.to_owned(),
                    seconds: longest.as_secs(),
                    last,
                });
            }
            std::thread::sleep(pause);
            pause = (pause * 3 / 2).min(Duration::from_millis(500));
        }
    }

    /// Processes now in it, by name; for "nothing more runs than before".
    ///
    /// # Errors
    /// It is off.
    pub fn processes(&self) -> Result<BTreeSet<String>, LabError> {
        let names = self.sh("ps -eo comm=")?;
        Ok(names.lines().map(str::to_owned).collect())
    }
}
