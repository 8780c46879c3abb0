//! Stands before a guest's dockerd and writes down every request: who changes nothing can be seen
//! to change nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{UnixListener, UnixStream};

use super::error::LabError;
use super::http_requests::RequestScanner;

/// Listens at `socket`; connections go on to `dockerd`, request lines into `log`.
pub(super) fn listen(socket: &Path) -> Result<UnixListener, LabError> {
    // Left by an earlier run of the machine.
    let _ = std::fs::remove_file(socket);
    UnixListener::bind(socket).map_err(LabError::path("listen at", socket))
}

pub(super) async fn serve(listener: UnixListener, dockerd: PathBuf, log: PathBuf) {
    while let Ok((client, _)) = listener.accept().await {
        let (dockerd, log) = (dockerd.clone(), log.clone());
        tokio::spawn(async move {
            // Without dockerd the connection just ends; so it does for errors later on.
            if let Ok(server) = UnixStream::connect(&dockerd).await {
                let _ = pass(client, server, &log).await;
            }
        });
    }
}

async fn pass(client: UnixStream, server: UnixStream, log: &Path) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = async {
        copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    let requests = async {
        let mut scanner = RequestScanner::default();
        let mut piece = vec![0; 64 << 10];
        loop {
            let length = from_client.read(&mut piece).await?;
            if length == 0 {
                return to_server.shutdown().await;
            }
            // Written down before dockerd sees it.
            append(log, &scanner.scan(&piece[..length]))?;
            to_server.write_all(&piece[..length]).await?;
        }
    };
    let (answers, requests) = tokio::join!(answers, requests);
    answers.and(requests)
}

fn append(log: &Path, requests: &[String]) -> std::io::Result<()> {
    if requests.is_empty() {
        return Ok(());
    }
    let text = requests
        .iter()
        .fold(String::new(), |text, line| text + line + "\n");
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)?
        .write_all(text.as_bytes())
}
