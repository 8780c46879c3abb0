//! One read-only question to QEMU's monitor: what does it do with the guest?

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// QEMU answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(3);
const LINE_LIMIT_BYTES: u64 = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    #[error("cannot talk to {}", path.display())]
    Socket {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} did not answer within 3 s", path.display())]
    Silent { path: PathBuf },
    #[error("unintelligible answer from {}", path.display())]
    Answer {
        path: PathBuf,
        source: serde_json::Error,
    },
}

impl QmpError {
    /// No QEMU: Proxmox unlinks the socket of a stopped VM, a crashed one leaves it behind without a listener.
    pub fn nobody_listens(&self) -> bool {
        use std::io::ErrorKind::{ConnectionRefused, NotFound};
        matches!(self, Self::Socket { source, .. } if matches!(source.kind(), NotFound | ConnectionRefused))
    }
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "return")]
    answer: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    status: Option<String>,
}

/// `query-status`: `running`, `paused`, `prelaunch` (backup start), `inmigrate` (migration target), …
///
/// # Errors
/// No monitor, or no answer within 3 s.
pub async fn query_status(socket: &Path) -> Result<String, QmpError> {
    match tokio::time::timeout(TIMEOUT, ask(socket)).await {
        Ok(result) => result,
        Err(_) => Err(QmpError::Silent {
            path: socket.to_owned(),
        }),
    }
}

async fn ask(socket: &Path) -> Result<String, QmpError> {
    let failed = |source| QmpError::Socket {
        path: socket.to_owned(),
        source,
    };
    let stream = UnixStream::connect(socket).await.map_err(failed)?;
    let (read, mut write) = stream.into_split();
    write
        .write_all(b"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-status\"}\n")
        .await
        .map_err(failed)?;
    let mut lines = BufReader::new(read.take(LINE_LIMIT_BYTES)).lines();
    // The greeting, the answer to the capabilities and events come first.
    while let Some(line) = lines.next_line().await.map_err(failed)? {
        let reply: Reply = serde_json::from_str(&line).map_err(|source| QmpError::Answer {
            path: socket.to_owned(),
            source,
        })?;
        if let Some(status) = reply.answer.and_then(|answer| answer.status) {
            return Ok(status);
        }
    }
    Err(failed(std::io::ErrorKind::UnexpectedEof.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_status_is_found_behind_greeting_and_events() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.qmp");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let text = "{\"QMP\": {\"version\": {}}}\n{\"return\": {}}\n{\"event\": \"RESUME\"}\n{\"return\": {\"status\": \"inmigrate\", \"running\": false}}\n";
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut asked = BufReader::new(stream).lines();
            while let Ok(Some(line)) = asked.next_line().await {
                assert!(line.starts_with("{\"execute\":\"q"), "{line}");
            }
        };
        let (status, ()) = tokio::join!(query_status(&path), server);
        assert_eq!(status.unwrap(), "inmigrate");
        drop(listener);
        assert!(query_status(&path).await.unwrap_err().nobody_listens());
    }
}
