//! A blocking HTTP client that sends what it is given, byte for byte, to a double or to a real server.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::error::DoubleError;
use super::tls;
use crate::lab::{HttpAnswer, parse_answer};

/// Largest answer that is read, in bytes.
const ANSWER_LIMIT_BYTES: u64 = 64 << 20;

/// Speaks to one server; certificates are not verified.
#[derive(Debug, Clone)]
pub struct RawClient {
    is_tls: bool,
    /// `host:port`
    address: String,
    config: Arc<ClientConfig>,
    deadline: Duration,
    /// The process in whose network it speaks.
    network_of: Option<u32>,
}

impl RawClient {
    /// `url`: `http://host:port` or `https://host:port`.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(url: &str) -> Result<Self, DoubleError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        Ok(Self {
            is_tls: scheme == "https",
            address: rest.trim_end_matches('/').to_owned(),
            config: tls::connector()?,
            deadline: Duration::from_mins(5),
            network_of: None,
        })
    }

    /// The same, from inside the network of process `pid`.
    #[must_use]
    pub fn in_network_of(mut self, pid: u32) -> Self {
        self.network_of = Some(pid);
        self
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends a whole request; the answer ends with the connection.
    ///
    /// # Errors
    /// No connection, or no HTTP came back.
    pub fn exchange(&self, request: &[u8]) -> std::io::Result<HttpAnswer> {
        let Some(pid) = self.network_of else {
            return self.exchange_here(request);
        };
        let namespace = File::open(format!("/proc/{pid}/ns/net"))?;
        // A namespace is a thread's: this one ends with the exchange.
        std::thread::scope(|scope| {
            let exchanging = scope.spawn(|| {
                setns(namespace, CloneFlags::CLONE_NEWNET)?;
                self.exchange_here(request)
            });
            let ended = |_| Err(std::io::ErrorKind::Other.into());
            exchanging.join().unwrap_or_else(ended)
        })
    }

    fn exchange_here(&self, request: &[u8]) -> std::io::Result<HttpAnswer> {
        let mut places = self.address.to_socket_addrs()?;
        let place = places.next().ok_or(std::io::ErrorKind::NotFound)?;
        let mut stream = TcpStream::connect_timeout(&place, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(self.deadline))?;
        stream.set_write_timeout(Some(self.deadline))?;
        let bytes = if self.is_tls {
            let name = ServerName::try_from("portainer.invalid").map_err(std::io::Error::other)?;
            let session = ClientConnection::new(self.config.clone(), name);
            let session = session.map_err(std::io::Error::other)?;
            talk(&mut StreamOwned::new(session, stream), request)?
        } else {
            talk(&mut stream, request)?
        };
        parse_answer(&bytes).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
    }

    /// Sends a request with these headers (lines without their end) and body.
    ///
    /// # Errors
    /// As [`Self::exchange`].
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[String],
        body: &[u8],
    ) -> std::io::Result<HttpAnswer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for header in headers {
            head.extend([header, "\r\n"]);
        }
        let length = body.len().to_string();
        head.extend(["Content-Length: ", &length, "\r\nConnection: close\r\n\r\n"]);
        self.exchange(&[head.as_bytes(), body].concat())
    }
}

fn talk(stream: &mut (impl Read + Write), request: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.take(ANSWER_LIMIT_BYTES).read_to_end(&mut answer) {
        // A server that ends TLS without its farewell.
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(answer),
    }
}
