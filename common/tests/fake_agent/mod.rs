//! A thread that speaks the QEMU guest agent's wire, well or badly.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use phoenix_common::qga::QgaClient;
use serde_json::{Value, json};

/// What the fake does when a request comes.
pub(crate) enum Act {
    /// Answers, with the request's id.
    Return(Value),
    /// Writes exactly these bytes.
    Raw(Vec<u8>),
    /// Writes exactly these bytes, one write each.
    Dripped(Vec<u8>),
    /// Closes the connection.
    Close,
    Silence,
}

/// Serves one client at a time, as QEMU does, until the test process ends.
pub(crate) struct FakeAgent {
    pub(crate) client: QgaClient,
    /// Names of the commands received, in order.
    pub(crate) received: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl FakeAgent {
    /// `respond` gets each request; for `None` the fake answers as a sound agent would.
    pub(crate) fn start(mut respond: impl FnMut(&Value) -> Option<Act> + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sockets = folder.path().join("run/qemu-server");
        std::fs::create_dir_all(&sockets).unwrap();
        let socket = sockets.join("1002.qga");
        let listener = UnixListener::bind(&socket).unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &mut respond, &log);
            }
        });
        let client = QgaClient::new(socket, folder.path().join("run/phoenix/qga-1002.lock"))
            .with_reply_timeout(Duration::from_millis(400));
        Self {
            client,
            received,
            folder,
        }
    }

    pub(crate) fn lock_path(&self) -> std::path::PathBuf {
        self.folder.path().join("run/phoenix/qga-1002.lock")
    }

    pub(crate) fn socket_path(&self) -> std::path::PathBuf {
        self.folder.path().join("run/qemu-server/1002.qga")
    }

    /// A root folder with the socket where a node has it.
    pub(crate) fn root(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn count(&self, command: &str) -> usize {
        let received = self.received.lock().unwrap();
        received.iter().filter(|name| *name == command).count()
    }
}

fn serve(
    stream: UnixStream,
    respond: &mut impl FnMut(&Value) -> Option<Act>,
    log: &Mutex<Vec<String>>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return;
        }
        let start = line.iter().position(|&byte| byte != 0xff).unwrap();
        let request: Value = serde_json::from_slice(&line[start..]).unwrap();
        let command = request["execute"].as_str().unwrap().to_owned();
        log.lock().unwrap().push(command);
        let act = respond(&request).unwrap_or_else(|| sound(&request));
        let written = match act {
            Act::Return(value) => stream.write_all(&reply(&request, &value)),
            Act::Raw(bytes) => stream.write_all(&bytes),
            Act::Dripped(bytes) => bytes
                .chunks(1)
                .try_for_each(|byte| stream.write_all(byte).and_then(|()| stream.flush())),
            Act::Close => return,
            Act::Silence => Ok(()),
        };
        if written.is_err() {
            return;
        }
    }
}

pub(crate) fn reply(request: &Value, value: &Value) -> Vec<u8> {
    let mut bytes = json!({"return": value, "id": request["id"]})
        .to_string()
        .into_bytes();
    bytes.push(b'\n');
    bytes
}

pub(crate) fn sync_reply(request: &Value) -> Vec<u8> {
    let mut bytes = vec![0xff];
    bytes.extend(format!("{{\"return\": {}}}\n", request["arguments"]["id"]).into_bytes());
    bytes
}

fn sound(request: &Value) -> Act {
    match request["execute"].as_str().unwrap() {
        "guest-sync-delimited" => Act::Raw(sync_reply(request)),
        "guest-exec" => Act::Return(json!({"pid": 77})),
        "guest-exec-status" => {
            Act::Return(json!({"exited": true, "exitcode": 0, "out-truncated": false}))
        }
        _ => Act::Return(json!({})),
    }
}

/// Whether this is the request for `command`.
pub(crate) fn is(request: &Value, command: &str) -> bool {
    request["execute"] == command
}
