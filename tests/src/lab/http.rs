//! A small HTTP/1.1 client that may speak from inside the lab's network.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use super::error::LabError;

/// Most bytes of an answer that are read.
const ANSWER_LIMIT_BYTES: u64 = 64 << 20;

/// A request; the connection ends with the answer.
#[derive(Debug, Clone)]
pub(super) struct HttpRequest {
    pub(super) address: String,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) deadline: Duration,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpAnswer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl HttpRequest {
    /// `url`: `host:port/path`, with or without `http://`.
    pub(super) fn get(url: &str) -> Self {
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let address = if address.contains(':') {
            address.to_owned()
        } else {
            format!("{address}:80")
        };
        Self {
            address,
            method: "GET",
            path: format!("/{path}"),
            content_type: "",
            body: Vec::new(),
            deadline: Duration::from_secs(5),
        }
    }

    /// Sends it from the network namespace of process `pid`.
    pub(super) fn send_from(self, pid: u32) -> Result<HttpAnswer, LabError> {
        let path = format!("/proc/{pid}/ns/net");
        let namespace = File::open(&path).map_err(LabError::path("open", path.as_ref()))?;
        // A namespace is a thread's: this one ends with the request.
        let sending = std::thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .map_err(|errno| self.failed(&errno.to_string()))?;
            self.send()
        });
        sending
            .join()
            .unwrap_or_else(|_| Err(LabError::Control("the sending thread ended".into())))
    }

    /// Sends it from where the caller is.
    pub(super) fn send(&self) -> Result<HttpAnswer, LabError> {
        let answer = self
            .exchange()
            .map_err(|error| self.failed(&error.to_string()))?;
        parse(&answer).ok_or_else(|| self.failed("the answer is not HTTP"))
    }

    fn exchange(&self) -> std::io::Result<Vec<u8>> {
        let invalid = |_| std::io::Error::from(std::io::ErrorKind::InvalidInput);
        let address: SocketAddr = self.address.parse().map_err(invalid)?;
        let mut stream = TcpStream::connect_timeout(&address, self.deadline)?;
        stream.set_read_timeout(Some(self.deadline))?;
        stream.set_write_timeout(Some(self.deadline))?;
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.method,
            self.path,
            self.address,
            self.body.len()
        );
        if !self.content_type.is_empty() {
            head.extend(["Content-Type: ", self.content_type, "\r\n"]);
        }
        head += "\r\n";
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        let mut answer = Vec::new();
        stream.take(ANSWER_LIMIT_BYTES).read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn failed(&self, wrong: &str) -> LabError {
        LabError::Http {
            method: self.method.to_owned(),
            address: self.address.clone(),
            path: self.path.clone(),
            wrong: wrong.to_owned(),
        }
    }
}

pub(crate) fn parse(answer: &[u8]) -> Option<HttpAnswer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &answer[end + 4..];
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked {
        unchunk(rest)?
    } else {
        rest.to_vec()
    };
    Some(HttpAnswer {
        status,
        headers,
        body,
    })
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let chunk = rest.get(end + 2..end + 2 + size)?;
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_plain_and_in_chunks() {
        let plain = parse(b"HTTP/1.1 404 Not Found\r\nX-Y: z\r\n\r\nbody").unwrap();
        assert_eq!((plain.status, plain.text().as_str()), (404, "body"));
        assert_eq!(plain.header("x-y"), Some("z"));
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(chunks).unwrap().text(), "abcde");
        assert_eq!(parse(b"nonsense"), None);
    }

    #[test]
    fn a_url_is_taken_apart() {
        let request = HttpRequest::get("http://192.168.77.11:8080/a/b?c");
        assert_eq!(
            (&*request.address, &*request.path),
            ("192.168.77.11:8080", "/a/b?c")
        );
        let short = HttpRequest::get("192.168.77.11");
        assert_eq!((&*short.address, &*short.path), ("192.168.77.11:80", "/"));
    }
}
