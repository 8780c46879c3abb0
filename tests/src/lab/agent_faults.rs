//! What can be wrong with a guest's agent: away, forbidden to run programs, or hostile.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::error::LabError;
use super::handle::Guest;

const DROP_IN: &str = "/etc/systemd/system/qemu-guest-agent.service.d/lab-blocked.conf";
const AGENT: &str = "qemu-guest-agent";

/// An agent of the test's own in place of the guest's; the guest's comes back when this is dropped.
#[derive(Debug)]
pub struct HostileAgent {
    guest: Guest,
    socket: PathBuf,
    served: Arc<Served>,
    serving: Option<JoinHandle<()>>,
}

/// What the serving thread and its owner share.
#[derive(Debug, Default)]
struct Served {
    ended: AtomicBool,
    connection: Mutex<Option<UnixStream>>,
}

impl Served {
    /// Takes connections until it has ended.
    fn serve(&self, listener: &UnixListener, answer: &[u8]) {
        while let Ok((stream, _)) = listener.accept() {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            *self.current() = stream.try_clone().ok();
            // The other end may leave in mid-answer.
            let _ = answer_all(stream, answer);
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// The agent is not there: requests wait, nothing is refused.
    ///
    /// # Errors
    /// The guest is off.
    pub fn stop_agent(&self) -> Result<(), LabError> {
        self.sh(&format!("systemctl stop {AGENT}")).map(drop)
    }

    /// # Errors
    /// The guest is off, or the agent does not answer.
    pub fn start_agent(&self) -> Result<(), LabError> {
        self.sh(&format!("systemctl start {AGENT}"))?;
        self.wait_agent()
    }

    /// The agent refuses these commands (`guest-exec,guest-file-open`), as a distribution's or an
    /// administrator's block list makes it; none: it obeys again.
    ///
    /// # Errors
    /// The guest is off, or the agent does not answer.
    pub fn block_agent_commands(&self, commands: &str) -> Result<(), LabError> {
        if commands.is_empty() {
            self.sh(&format!("rm -f {DROP_IN}"))?;
        } else {
            let start = "/usr/sbin/qemu-ga -m unix-listen -p /run/lab/qga.sock -t /run";
            let text = format!("[Service]\nExecStart=\nExecStart={start} -b {commands}\n");
            self.write(DROP_IN, text, 0o644)?;
        }
        self.sh(&format!(
            "systemctl daemon-reload; systemctl restart {AGENT}"
        ))?;
        self.wait_agent()
    }

    /// Answers every request with `answer`, whatever it was.
    ///
    /// # Errors
    /// The guest is off.
    pub fn answer_as_agent(&self, answer: Vec<u8>) -> Result<HostileAgent, LabError> {
        self.stop_agent()?;
        let socket = self.hardware.place.run().join("qga.sock");
        // Left by the guest's own.
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).map_err(LabError::path("listen at", &socket))?;
        let served = Arc::new(Served::default());
        let shared = Arc::clone(&served);
        let serving = std::thread::spawn(move || shared.serve(&listener, &answer));
        Ok(HostileAgent {
            guest: self.clone(),
            socket,
            served,
            serving: Some(serving),
        })
    }
}

fn answer_all(stream: UnixStream, answer: &[u8]) -> std::io::Result<()> {
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    let mut request = Vec::new();
    // A request ends with its line; the byte before a sync is part of one.
    while reader
        .by_ref()
        .take(64 << 20)
        .read_until(b'\n', &mut request)?
        > 0
    {
        writer.write_all(answer)?;
        request.clear();
    }
    Ok(())
}

impl Drop for HostileAgent {
    fn drop(&mut self) {
        self.served.ended.store(true, Ordering::SeqCst);
        if let Some(connection) = self.served.current().take() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // Wakes the thread if the relay does not.
        let _ = UnixStream::connect(&self.socket);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
        let _ = std::fs::remove_file(&self.socket);
        // A guest that is off needs none.
        let _ = self.guest.start_agent();
    }
}
