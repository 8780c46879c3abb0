//! The engine under test, the programs that deploy to it, and how one run of a program is timed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use phoenix_tests::lab::{Guest, Lab, LabSpec, REGISTRY, Suite, program, tree};
use tempfile::TempDir;

use crate::engine_socket::EngineSocket;
use crate::error::BenchError;

/// No run of a contender may take longer, in seconds.
const RUN_LIMIT_SECONDS: u32 = 1200;

/// A light guest that manages a Swarm of its own. The contenders run on the host, so that entering the guest
/// is in nobody's time.
pub(crate) struct Bench {
    lab: Lab,
    folder: TempDir,
    /// Runs of quick contenders, and of slow ones.
    pub(crate) runs: usize,
    pub(crate) slow_runs: usize,
    agent: PathBuf,
    pub(crate) engine: EngineSocket,
    /// The same engine behind the lab's list of requests.
    watched: PathBuf,
}

/// Who is timed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Contender {
    Phoenix,
    Docker,
}

impl Bench {
    pub(crate) fn up((runs, slow_runs): (usize, usize)) -> Result<Self, BenchError> {
        let lab = Lab::up(&LabSpec::new().guest(1001, Suite::Trixie).image("web:1"))?;
        let guest = lab.guest(1001);
        guest.docker("swarm init --advertise-addr 192.168.77.11 --default-addr-pool 10.200.0.0/16 --default-addr-pool-mask-length 22")?;
        guest.docker(&format!("pull -q {REGISTRY}/web:1"))?;
        let folder = tempfile::tempdir()
            .map_err(BenchError::file("make a folder in", &std::env::temp_dir()))?;
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).map_err(BenchError::file("create", &bin))?;
        // Debian 13's docker CLI needs nothing that Debian 12 has not.
        let docker = tree(Suite::Trixie)?.join("usr/bin/docker");
        symlink(docker, bin.join("docker")).map_err(BenchError::file("link", &bin))?;
        Ok(Self {
            agent: program("phoenix-guest-agent")?,
            engine: EngineSocket::new(guest.path("/run/lab/dockerd.sock")?),
            watched: guest.path("/run/docker.sock")?,
            lab,
            folder,
            runs,
            slow_runs,
        })
    }

    pub(crate) fn guest(&self) -> Guest {
        self.lab.guest(1001)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), BenchError> {
        let path = self.folder().join(name);
        fs::write(&path, text).map_err(BenchError::file("write", &path))
    }

    fn program(&self, contender: Contender) -> PathBuf {
        match contender {
            Contender::Phoenix => self.agent.clone(),
            Contender::Docker => self.folder().join("bin/docker"),
        }
    }

    /// A program with only what all contenders get, through the engine's own socket.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("timeout");
        let path = format!(
            "{}/bin:/usr/local/bin:/usr/bin:/bin",
            self.folder().display()
        );
        command
            .args(["-k", "5", &RUN_LIMIT_SECONDS.to_string()])
            .arg(program)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder())
            .env("LANG", "C.UTF-8")
            .env(
                "DOCKER_HOST",
                format!("unix://{}", self.engine.path().display()),
            );
        command
    }

    /// `<contender> <words>`, timed; it must end with 0.
    pub(crate) fn time(&self, contender: Contender, words: &str) -> Result<Duration, BenchError> {
        let mut command = self.command(&self.program(contender));
        command.args(words.split(' '));
        timed(&mut command, &format!("{contender:?} {words}")).map(|(taken, _)| taken)
    }

    /// How many writes a deploy asks the engine for.
    pub(crate) fn writes(&self, contender: Contender, words: &str) -> Result<usize, BenchError> {
        let before = self.guest().docker_writes().len();
        let mut command = self.command(&self.program(contender));
        command
            .args(words.split(' '))
            .env("DOCKER_HOST", format!("unix://{}", self.watched.display()));
        timed(&mut command, &format!("{contender:?} {words}"))?;
        Ok(self.guest().docker_writes().len() - before)
    }

    /// Takes a stack away by our own `rm`, which ends when it is gone.
    pub(crate) fn remove(&self, stack: &str) -> Result<(), BenchError> {
        self.time(Contender::Phoenix, &format!("stack rm {stack}"))
            .map(drop)
    }

    /// What the contenders are, for the report.
    pub(crate) fn versions(&self) -> Result<String, BenchError> {
        let said = |program: &Path| -> Result<String, BenchError> {
            let mut command = self.command(program);
            command.arg("--version");
            let (_, output) = timed(&mut command, &program.display().to_string())?;
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            Ok(text.lines().next().unwrap_or_default().to_owned())
        };
        let server = self
            .guest()
            .docker("version --format {{.Server.Version}}")?;
        let agent = said(&self.agent)?;
        let docker = said(&self.program(Contender::Docker))?;
        Ok(format!("{agent}; {docker} (CLI); engine {server}"))
    }
}

/// Runs it to its end; it must end with 0.
pub(crate) fn timed(
    command: &mut Command,
    contender: &str,
) -> Result<(Duration, Output), BenchError> {
    let started = Instant::now();
    let output = command.output().map_err(|source| BenchError::Start {
        program: contender.to_owned(),
        source,
    })?;
    let taken = started.elapsed();
    if output.status.success() {
        return Ok((taken, output));
    }
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    let tail: String = said.chars().rev().take(600).collect();
    Err(BenchError::Ended {
        contender: contender.to_owned(),
        code: output.status.code().unwrap_or(-1),
        said: tail.chars().rev().collect(),
    })
}
