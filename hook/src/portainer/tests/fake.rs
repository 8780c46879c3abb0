//! A server on the wire for tests: raw requests in, raw answers out.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::https::{Fingerprint, Trust};
use crate::portainer::Client;

/// The self-signed certificate of [`FakeServer::tls`].
pub(crate) const CERTIFICATE: &str = include_str!("../../../tests/fixtures/tls/server.pem");
const KEY: &str = include_str!("../../../tests/fixtures/tls/server.key");

/// Answers each request with what a function makes of it; ends with the test's process.
#[derive(Debug, Clone)]
pub(crate) struct FakeServer {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

type Handler = dyn FnMut(&str) -> String + Send;

impl FakeServer {
    /// Plain HTTP. The function gets head and body of the request and gives the whole raw answer; an empty one
    /// closes the connection.
    pub(crate) fn http(handler: impl FnMut(&str) -> String + Send + 'static) -> Self {
        Self::start(Box::new(handler), None)
    }

    pub(crate) fn tls(handler: impl FnMut(&str) -> String + Send + 'static) -> Self {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self::start(Box::new(handler), Some(Arc::new(config)))
    }

    fn start(mut handler: Box<Handler>, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut answer = |request: &str| {
                    log.lock().unwrap().push(request.to_owned());
                    handler(request)
                };
                match &tls {
                    None => converse(stream, &mut answer),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(Arc::clone(config)).unwrap();
                        converse(rustls::StreamOwned::new(connection, stream), &mut answer);
                    }
                }
            }
        });
        Self { port, seen }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn client(&self) -> Client {
        Client::new("127.0.0.1", self.port, &Trust::PlainHttp).unwrap()
    }

    pub(crate) fn pinned_client(&self, pem: &str) -> Client {
        let pin = Fingerprint::of_pem(pem).unwrap();
        Client::new("localhost", self.port, &Trust::Pinned(pin)).unwrap()
    }

    /// The requests so far, whole.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Method and path of each request so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let requests = self.requests();
        let lines = requests.iter().map(|request| line(request).to_owned());
        lines.collect()
    }
}

/// `GET /api/stacks` of a raw request.
pub(crate) fn line(request: &str) -> &str {
    request.split(" HTTP/1.1").next().unwrap_or_default()
}

/// A raw answer with a JSON body that closes its connection.
pub(crate) fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn converse(mut stream: impl Read + Write + End, handler: &mut dyn FnMut(&str) -> String) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(request) = whole(&bytes) {
            let answer = handler(&request);
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.flush();
            stream.end();
            return;
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// Head and body, once both are there.
fn whole(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    (body.len() >= length).then(|| text.to_string())
}

/// How a connection is closed.
trait End {
    fn end(&mut self);
}

impl End for TcpStream {
    fn end(&mut self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl End for rustls::StreamOwned<rustls::ServerConnection, TcpStream> {
    fn end(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
        self.sock.end();
    }
}
