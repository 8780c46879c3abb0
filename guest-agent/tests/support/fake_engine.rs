//! An HTTP/1.1 server on a unix socket that answers what the test says. It fakes the wire, not the code.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// A request as it came over the socket.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub headers: String,
    /// `null` when there was none.
    pub body: Value,
}

impl Received {
    /// Method and path without API version and query: `POST /swarm/init`.
    pub fn call(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let path = match path.strip_prefix("/v1.") {
            Some(rest) => rest.find('/').map_or("", |slash| &rest[slash..]),
            None => path,
        };
        format!("{} {path}", self.method)
    }
}

/// What the fake engine says.
pub enum Says {
    Json(u16, Value),
    Raw(Vec<u8>),
    /// Accepts and never answers.
    Nothing,
}

impl Says {
    pub fn error(status: u16, message: &str) -> Self {
        Self::Json(status, json!({ "message": message }))
    }
}

#[derive(Debug)]
pub struct FakeEngine {
    pub socket: PathBuf,
    received: Arc<Mutex<Vec<Received>>>,
}

impl FakeEngine {
    /// Listens on `socket`; `/version` and `/_ping` are answered as Docker 20.10 does, all else by `answer`.
    pub fn start(socket: &Path, answer: impl FnMut(&Received) -> Says + Send + 'static) -> Self {
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        let answer = Arc::new(Mutex::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &log, &answer));
            }
        });
        Self {
            socket: socket.to_owned(),
            received,
        }
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The requests that would change something.
    pub fn writes(&self) -> Vec<String> {
        self.received()
            .iter()
            .filter(|request| request.method != "GET" && request.method != "HEAD")
            .map(Received::call)
            .collect()
    }
}

fn serve(
    stream: UnixStream,
    log: &Mutex<Vec<Received>>,
    answer: &Mutex<impl FnMut(&Received) -> Says>,
) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        log.lock().unwrap().push(request.clone());
        let says = match request.call().as_str() {
            "GET /version" => {
                Says::Json(200, json!({"ApiVersion": "1.41", "MinAPIVersion": "1.12"}))
            }
            "GET /_ping" => Says::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK".to_vec()),
            _ => (answer.lock().unwrap())(&request),
        };
        let bytes = match says {
            Says::Json(status, value) => {
                let body = if value.is_null() {
                    String::new()
                } else {
                    value.to_string()
                };
                format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .into_bytes()
            }
            Says::Raw(bytes) => bytes,
            Says::Nothing => {
                std::thread::sleep(Duration::from_mins(1));
                return;
            }
        };
        if writer.write_all(&bytes).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<UnixStream>) -> Option<Received> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = String::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        headers.push_str(&header.to_lowercase());
    }
    let length = headers
        .lines()
        .find_map(|header| header.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0_u64);
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).ok()?;
    Some(Received {
        method,
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}
