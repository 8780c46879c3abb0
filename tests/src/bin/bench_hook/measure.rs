//! Calls a hookscript as Proxmox does and takes the time from start to the end of its output.

use std::io::{self, Read};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::node::{Node, VMID};

/// Calls before the first that counts.
pub(crate) const WARM_UP_CALLS: usize = 5;
/// When the agent of a light test guest answers at the earliest after the VM's start.
const AGENT_DELAY: Duration = Duration::from_secs(2);

/// One contender.
pub(crate) struct Call {
    name: &'static str,
    program: PathBuf,
}

impl Call {
    pub(crate) fn new(name: &'static str, program: &Path) -> Self {
        Self {
            name,
            program: program.to_owned(),
        }
    }

    /// `<program> <vmid> post-start`, timed.
    fn once(&self, node: &Node) -> io::Result<Duration> {
        let start = Instant::now();
        let mut child = Command::new(&self.program)
            .args([&VMID.to_string(), "post-start"])
            .env_clear()
            .env("PATH", "/sbin:/bin:/usr/sbin:/usr/bin")
            .env("LC_ALL", "C")
            .env("LVM_SUPPRESS_FD_WARNINGS", "1")
            .env("PVE_MIGRATED_FROM", "")
            .env("PHOENIX_ROOT", node.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdin.take());
        let mut output = String::new();
        if let Some(mut pipe) = child.stdout.take() {
            pipe.read_to_string(&mut output)?;
        }
        if let Some(mut pipe) = child.stderr.take() {
            pipe.read_to_string(&mut output)?;
        }
        let status = child.wait()?;
        let taken = start.elapsed();
        if status.success() {
            return Ok(taken);
        }
        Err(io::Error::other(format!(
            "{}: {status}: {output}",
            self.name
        )))
    }
}

/// The sorted times of one contender.
pub(crate) struct Times {
    pub(crate) name: &'static str,
    sorted: Vec<Duration>,
}

impl Times {
    fn new(call: &Call, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self {
            name: call.name,
            sorted: times,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    pub(crate) fn median(&self) -> Duration {
        self.at_percent(50)
    }

    pub(crate) fn at_percent(&self, percent: usize) -> Duration {
        self.sorted[(self.sorted.len() * percent / 100).min(self.sorted.len() - 1)]
    }

    /// Ratio of the medians.
    pub(crate) fn ratio_to(&self, other: &Self) -> f64 {
        self.median().as_secs_f64() / other.median().as_secs_f64()
    }
}

/// Each call `count` times, one after the other in turns.
pub(crate) fn in_turns(node: &Node, calls: &[Call], count: usize) -> io::Result<Vec<Times>> {
    let mut times = vec![Vec::with_capacity(count); calls.len()];
    for round in 0..WARM_UP_CALLS + count {
        for (call, times) in calls.iter().zip(&mut times) {
            let taken = call.once(node)?;
            if round >= WARM_UP_CALLS {
                times.push(taken);
            }
        }
    }
    Ok(calls
        .iter()
        .zip(times)
        .map(|(call, times)| Times::new(call, times))
        .collect())
}

/// A call while the guest agent comes up [`AGENT_DELAY`] after the start, `count` times.
pub(crate) fn with_late_agent(node: &Node, call: &Call, count: usize) -> io::Result<Times> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = node.agent_socket();
        let agent = thread::spawn(move || {
            thread::sleep(AGENT_DELAY);
            UnixListener::bind(socket)
        });
        times.push(call.once(node)?);
        drop(
            agent
                .join()
                .map_err(|_| io::Error::other("the agent's thread panicked"))??,
        );
        std::fs::remove_file(node.agent_socket())?;
    }
    Ok(Times::new(call, times))
}
