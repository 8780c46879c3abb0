//! One short connection: lock, connect, synchronise, a command or two, close.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::error::QgaError;
use super::lock;
use super::protocol::{self, CommandSpec, Reply, SyncScanner};
use crate::retry::Deadline;

/// How long a full backlog (QEMU keeps one waiting client) is retried at.
const CONNECT_RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// How long a silent agent is waited for. Proxmox's `guest-ping` gives up after 3 s behind us, and then
/// takes the guest for one without agent.
const SYNC_TIMEOUT: Duration = Duration::from_secs(2);
/// Most bytes of other clients' replies skipped while synchronising; a reply of 16 MiB output on both
/// streams is 45 MB.
const SKIPPED_LIMIT_BYTES: usize = 64 << 20;
const SYNC: CommandSpec = CommandSpec {
    name: "guest-sync-delimited",
    reply_limit_bytes: SKIPPED_LIMIT_BYTES,
};

/// A synchronised connection. Closed, and the lock let go, when dropped.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    socket: PathBuf,
    /// Received, not yet used.
    buffer: Vec<u8>,
    _lock: File,
}

impl Connection {
    /// Takes the lock, connects and synchronises, all before `deadline`; a silent agent is given up earlier.
    pub(super) async fn open(
        socket: &Path,
        lock: &Path,
        deadline: Deadline,
    ) -> Result<Self, QgaError> {
        let lock = lock::acquire(lock, deadline).await?;
        let deadline = deadline.at_most(SYNC_TIMEOUT);
        let mut connection = Self {
            stream: connect(socket, deadline).await?,
            socket: socket.to_owned(),
            buffer: Vec::new(),
            _lock: lock,
        };
        connection.bounded(deadline, Step::Synchronise).await?;
        Ok(connection)
    }

    /// Sends one command and reads its reply, both before `deadline`. After an error the connection is of no
    /// more use.
    pub(super) async fn call<A: Serialize, T: DeserializeOwned>(
        &mut self,
        command: CommandSpec,
        arguments: Option<&A>,
        deadline: Deadline,
    ) -> Result<T, QgaError> {
        let unintelligible = |error: serde_json::Error| QgaError::Protocol {
            command: command.name,
            reason: error.to_string(),
        };
        let id = format!("{:016x}", random_id()?);
        let request = protocol::request_line(command.name, arguments, &id);
        let request = request.map_err(unintelligible)?;
        self.bounded(deadline, Step::Send(&request)).await?;
        loop {
            self.bounded(deadline, Step::ReadLine(command)).await?;
            let reply = protocol::parse_reply(&self.take_line(), &id).map_err(unintelligible)?;
            match reply {
                Reply::Value(value) => return Ok(value),
                Reply::Foreign => {}
                Reply::Error { class, .. } if class == "CommandNotFound" => {
                    return Err(QgaError::ExecBlocked {
                        command: command.name,
                    });
                }
                // The agent was restarted while the command was on its way: it got the rest of it.
                Reply::Error { desc, .. } if desc.starts_with("JSON parse error") => {
                    return Err(QgaError::Protocol {
                        command: command.name,
                        reason: "the agent got a part of the command only".to_owned(),
                    });
                }
                Reply::Error { class, desc } => {
                    return Err(QgaError::AgentError {
                        command: command.name,
                        class,
                        desc,
                    });
                }
            }
        }
    }

    /// Runs one step of the conversation; silence until the deadline is its own error.
    async fn bounded(&mut self, deadline: Deadline, step: Step<'_>) -> Result<(), QgaError> {
        let started = Instant::now();
        let work = async {
            match step {
                Step::Synchronise => self.synchronise().await,
                Step::Send(bytes) => self.send(bytes).await,
                Step::ReadLine(command) => self.read_line(command).await,
            }
        };
        let finished = tokio::time::timeout(deadline.remaining(), work).await;
        finished.unwrap_or_else(|_| {
            Err(QgaError::Silent {
                path: self.socket.clone(),
                waited_ms: started.elapsed().as_millis(),
            })
        })
    }

    async fn synchronise(&mut self) -> Result<(), QgaError> {
        let id = random_id()?;
        self.send(&protocol::sync_line(id)).await?;
        let mut scanner = SyncScanner::new(id);
        let mut skipped_bytes = 0;
        loop {
            self.receive().await?;
            if let Some(end) = scanner.feed(&self.buffer) {
                self.buffer.drain(..end);
                return Ok(());
            }
            skipped_bytes += self.buffer.len();
            self.buffer.clear();
            if skipped_bytes > SYNC.reply_limit_bytes {
                return Err(QgaError::TooLarge {
                    command: SYNC.name,
                    limit_bytes: SYNC.reply_limit_bytes,
                });
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), QgaError> {
        let sent = self.stream.write_all(bytes).await;
        sent.map_err(|source| self.broken(source))
    }

    /// Reads until the buffer holds a whole line.
    async fn read_line(&mut self, command: CommandSpec) -> Result<(), QgaError> {
        let mut searched = 0;
        loop {
            let unseen = self.buffer.get(searched..).unwrap_or_default();
            if unseen.contains(&b'\n') {
                return Ok(());
            }
            searched = self.buffer.len();
            if searched > command.reply_limit_bytes {
                return Err(QgaError::TooLarge {
                    command: command.name,
                    limit_bytes: command.reply_limit_bytes,
                });
            }
            self.receive().await?;
        }
    }

    fn take_line(&mut self) -> Vec<u8> {
        let end = self.buffer.iter().position(|&byte| byte == b'\n');
        let rest = self
            .buffer
            .split_off(end.map_or(self.buffer.len(), |end| end + 1));
        std::mem::replace(&mut self.buffer, rest)
    }

    /// Appends what comes next to the buffer.
    async fn receive(&mut self) -> Result<(), QgaError> {
        self.buffer.reserve(64 << 10);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(QgaError::Closed {
                path: self.socket.clone(),
            }),
            Ok(_) => Ok(()),
            Err(source) => Err(self.broken(source)),
        }
    }

    fn broken(&self, source: std::io::Error) -> QgaError {
        let path = self.socket.clone();
        match source.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => QgaError::Closed { path },
            _ => QgaError::Connect { path, source },
        }
    }
}

enum Step<'request> {
    Synchronise,
    Send(&'request [u8]),
    ReadLine(CommandSpec),
}

async fn connect(socket: &Path, deadline: Deadline) -> Result<UnixStream, QgaError> {
    let started = Instant::now();
    let path = socket.to_owned();
    loop {
        let source = match UnixStream::connect(socket).await {
            Ok(stream) => return Ok(stream),
            Err(source) => source,
        };
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                return Err(QgaError::SocketMissing { path });
            }
            ErrorKind::WouldBlock if deadline.has_passed() => {
                return Err(QgaError::Silent {
                    path,
                    waited_ms: started.elapsed().as_millis(),
                });
            }
            ErrorKind::WouldBlock => tokio::time::sleep(CONNECT_RETRY_INTERVAL).await,
            _ => return Err(QgaError::Connect { path, source }),
        }
    }
}

/// 63 random bits: the agent reads the number as a signed one.
fn random_id() -> Result<u64, QgaError> {
    let bits = getrandom::u64().map_err(|source| QgaError::Random { source })?;
    Ok(bits >> 1)
}
