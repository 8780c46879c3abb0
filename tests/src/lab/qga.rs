//! A QEMU guest agent client written for the lab alone, so that the project's own client is tested
//! by another's eyes: readiness, and the tests of the relay.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use phoenix_common::retry::Deadline;
use serde_json::{Value, json};

use super::error::LabError;
use super::run::Ran;

/// One connection to a guest's agent socket.
#[derive(Debug)]
pub struct QgaConnection {
    stream: BufReader<UnixStream>,
    path: PathBuf,
}

impl QgaConnection {
    /// Connects; that says nothing about being served.
    ///
    /// # Errors
    /// No socket.
    pub fn connect(path: &Path, deadline: Duration) -> Result<Self, LabError> {
        let open = || {
            let stream = connect_within(path, deadline)?;
            stream.set_read_timeout(Some(deadline))?;
            stream.set_write_timeout(Some(deadline))?;
            Ok(BufReader::new(stream))
        };
        Ok(Self {
            stream: open().map_err(LabError::path("connect to", path))?,
            path: path.to_owned(),
        })
    }

    /// `guest-sync-delimited`: throws away whatever an earlier client left in the channel.
    ///
    /// # Errors
    /// No answer in time, or the connection ended.
    pub fn sync(&mut self) -> Result<(), LabError> {
        let id = std::process::id() ^ 0x5a5a_0000;
        let request = json!({"execute": "guest-sync-delimited", "arguments": {"id": id}});
        self.send(&[&[0xff], request.to_string().as_bytes(), b"\n"].concat())?;
        loop {
            self.read_until(0xff)?;
            let line = self.read_until(b'\n')?;
            let value: Result<Value, _> = serde_json::from_slice(&line);
            if value.is_ok_and(|value| value["return"] == id) {
                return Ok(());
            }
        }
    }

    /// A command and its `return`.
    ///
    /// # Errors
    /// As [`Self::sync`], or the agent's own error.
    pub fn ask(&mut self, command: &str, arguments: &Value) -> Result<Value, LabError> {
        let mut request = json!({ "execute": command });
        if arguments.is_object() {
            request["arguments"] = arguments.clone();
        }
        self.send(format!("{request}\n").as_bytes())?;
        let line = self.read_until(b'\n')?;
        let mut answer: Value =
            serde_json::from_slice(&line).map_err(|error| self.wrong(&error.to_string()))?;
        if answer["error"].is_null() {
            return Ok(answer["return"].take());
        }
        Err(self.wrong(&answer["error"].to_string()))
    }

    /// Runs a program in the guest through `guest-exec`.
    ///
    /// # Errors
    /// As [`Self::ask`]; the program does not end within `deadline`.
    pub fn exec(&mut self, argv: &[&str], deadline: Duration) -> Result<Ran, LabError> {
        let (program, arguments) = argv
            .split_first()
            .ok_or_else(|| self.wrong("empty command"))?;
        let started = self.ask(
            "guest-exec",
            &json!({"path": program, "arg": arguments, "capture-output": true}),
        )?;
        let deadline = Deadline::after(deadline);
        loop {
            let status = self.ask("guest-exec-status", &json!({"pid": started["pid"]}))?;
            if status["exited"] == true {
                return Ok(ran(&status));
            }
            if deadline.has_passed() {
                return Err(self.wrong(&format!("{program} does not end")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Raw bytes.
    ///
    /// # Errors
    /// The connection ended.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), LabError> {
        let sent = self.stream.get_mut().write_all(bytes);
        sent.map_err(|error| self.wrong(&error.to_string()))
    }

    /// Everything up to `end`, without it.
    ///
    /// # Errors
    /// No answer in time, or the connection ended.
    pub fn read_until(&mut self, end: u8) -> Result<Vec<u8>, LabError> {
        let mut line = Vec::new();
        let read = self.stream.read_until(end, &mut line);
        read.map_err(|error| self.wrong(&error.to_string()))?;
        if line.pop() == Some(end) {
            return Ok(line);
        }
        Err(self.wrong("the connection ended"))
    }

    fn wrong(&self, wrong: &str) -> LabError {
        LabError::Qga {
            path: self.path.clone(),
            wrong: wrong.to_owned(),
        }
    }
}

/// A connect blocks while the backlog is full, for as long as the socket's send time-out says.
fn connect_within(path: &Path, deadline: Duration) -> std::io::Result<UnixStream> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let limit = TimeVal::milliseconds(i64::try_from(deadline.as_millis()).unwrap_or(i64::MAX));
    setsockopt(&socket, sockopt::SendTimeout, &limit)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}

fn ran(status: &Value) -> Ran {
    let code = |name: &str| {
        status[name]
            .as_i64()
            .and_then(|code| i32::try_from(code).ok())
    };
    let text = |name: &str| {
        let bytes = STANDARD.decode(status[name].as_str().unwrap_or_default());
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    };
    Ran {
        code: code("exitcode")
            .or(code("signal").map(|signal| 128 + signal))
            .unwrap_or(-1),
        stdout: text("out-data"),
        stderr: text("err-data"),
    }
}
