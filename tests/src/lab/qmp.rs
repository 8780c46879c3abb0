//! QEMU's monitor, as far as Phoenix and Proxmox's tools ask it: `query-status`.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::control::QemuStatus;
use super::error::LabError;

/// What a guest's QEMU does now; shared with its monitor.
pub(super) type SharedStatus = Arc<Mutex<QemuStatus>>;

pub(super) fn listen(socket: &Path) -> Result<UnixListener, LabError> {
    // Left by an earlier run of the machine.
    let _ = std::fs::remove_file(socket);
    UnixListener::bind(socket).map_err(LabError::path("listen at", socket))
}

/// Serves one client after the other, as QEMU does.
pub(super) async fn serve(listener: UnixListener, status: SharedStatus) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client may leave at any time.
        let _ = talk(stream, &status).await;
    }
}

async fn talk(stream: UnixStream, status: &SharedStatus) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let version = json!({"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": "lab"});
    let greeting = json!({"QMP": {"version": version, "capabilities": ["oob"]}});
    send(&mut stream, &greeting).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        let answer = match request["execute"].as_str() {
            Some("qmp_capabilities") => json!({"return": {}}),
            Some("query-status") => json!({"return": shown(status)}),
            _ => {
                let wrong = "The command has not been found";
                json!({"error": {"class": "CommandNotFound", "desc": wrong}})
            }
        };
        send(&mut stream, &answer).await?;
        line.clear();
    }
    Ok(())
}

async fn send(stream: &mut BufReader<UnixStream>, value: &Value) -> std::io::Result<()> {
    stream.write_all(format!("{value}\r\n").as_bytes()).await
}

fn shown(status: &SharedStatus) -> Value {
    let status = status
        .lock()
        .map_or_else(|poisoned| *poisoned.into_inner(), |status| *status);
    json!({"status": status, "running": status == QemuStatus::Running})
}
