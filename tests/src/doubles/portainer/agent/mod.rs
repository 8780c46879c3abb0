//! `portainer/agent`: HTTPS with a certificate of its own, open to the ping and to signed requests,
//! which go on to Docker.

mod docker;
mod service;

pub(super) mod pairing;

use std::path::PathBuf;
use std::sync::Arc;

use super::error::DoubleError;
use super::guest::MemoryGuest;
use super::listen;
use super::request_log::RequestLog;
use super::thread::ServingThread;
use super::tls::Identity;

use service::Agent;
pub(super) use service::MEMORY_HEADER;

/// The Docker that an agent speaks for.
#[derive(Debug, Clone)]
pub(super) enum Backend {
    Memory(MemoryGuest),
    Socket(PathBuf),
}

/// An agent that a test starts in its own process.
#[derive(Debug)]
pub struct AgentDouble {
    backend: Backend,
    address: String,
    secret: Option<String>,
    version: String,
    log: Arc<RequestLog>,
    running: Option<ServingThread>,
}

impl AgentDouble {
    /// In front of a guest in memory; `address` such as `127.0.0.1:0`.
    ///
    /// # Errors
    /// The address is taken, or no certificate can be made.
    pub fn memory(guest: &MemoryGuest, address: &str) -> Result<Self, DoubleError> {
        Self::new(Backend::Memory(guest.clone()), address)
    }

    /// In front of a real Docker socket.
    ///
    /// # Errors
    /// As [`Self::memory`].
    pub fn socket(socket: impl Into<PathBuf>, address: &str) -> Result<Self, DoubleError> {
        Self::new(Backend::Socket(socket.into()), address)
    }

    fn new(backend: Backend, address: &str) -> Result<Self, DoubleError> {
        let mut agent = Self {
            backend,
            address: address.to_owned(),
            secret: None,
            version: "2.39.0".to_owned(),
            log: Arc::default(),
            running: None,
        };
        agent.start()?;
        Ok(agent)
    }

    /// As an environment's URL.
    pub fn url(&self) -> String {
        format!("tcp://{}", self.address)
    }

    /// The requests that came through, the ping left out.
    pub fn log(&self) -> &RequestLog {
        &self.log
    }

    /// Counts from the next start.
    pub fn set_secret(&mut self, secret: Option<&str>) {
        self.secret = secret.map(str::to_owned);
    }

    /// The version it reports from the next start.
    pub fn set_version(&mut self, version: &str) {
        version.clone_into(&mut self.version);
    }

    /// With a new certificate and no memory of a server.
    ///
    /// # Errors
    /// As [`Self::memory`].
    pub fn start(&mut self) -> Result<(), DoubleError> {
        let listener = listen::bind(&self.address)?;
        if let Ok(bound) = listener.local_addr() {
            self.address = bound.to_string();
        }
        let agent = Arc::new(Agent::new(
            self.backend.clone(),
            self.secret.clone(),
            self.version.clone(),
            self.log.clone(),
        ));
        let identity = Identity::self_signed(&["localhost".to_owned(), self.host()])?;
        let acceptor = identity.acceptor()?;
        self.running = Some(ServingThread::start(move || async move {
            listen::serve(listener, Some(acceptor), agent).await;
        }));
        Ok(())
    }

    /// Its port refuses from now on.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// # Errors
    /// As [`Self::memory`].
    pub fn restart(&mut self) -> Result<(), DoubleError> {
        self.stop();
        self.start()
    }

    fn host(&self) -> String {
        let host = self.address.rsplit_once(':');
        host.map_or_else(String::new, |(host, _)| host.to_owned())
    }
}

/// An agent program in front of a real Docker socket.
///
/// # Errors
/// Docker does not answer there, or the address is taken.
pub(super) async fn serve_socket(
    address: &str,
    socket: PathBuf,
    secret: Option<String>,
    version: String,
) -> Result<(), DoubleError> {
    let reached = tokio::net::UnixStream::connect(&socket).await;
    reached.map_err(DoubleError::path("reach Docker at", &socket))?;
    let listener = listen::bind(address)?;
    let secret = secret.filter(|secret| !secret.is_empty());
    let agent = Agent::new(Backend::Socket(socket), secret, version, Arc::default());
    let acceptor = Identity::self_signed(&["localhost".to_owned()])?.acceptor()?;
    listen::serve(listener, Some(acceptor), Arc::new(agent)).await;
    Ok(())
}
