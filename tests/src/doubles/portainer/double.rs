//! A server double that a test starts, stops and looks into.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::clock::Clock;
use super::error::DoubleError;
use super::fault::Faults;
use super::listen;
use super::options::Options;
use super::request_log::RequestLog;
use super::server::{Server, Surroundings};
use super::thread::ServingThread;
use super::tls::Identity;

/// The password of the administrator `admin` when a test says no other.
pub const ADMIN_PASSWORD: &str = "correct horse battery 1";

/// A Portainer server on 127.0.0.1, in the test's own process.
#[derive(Debug)]
pub struct PortainerDouble {
    options: Options,
    around: Surroundings,
    certificate: Option<Identity>,
    setup_token: Option<String>,
    running: Option<ServingThread>,
    /// Removed with the double.
    data: Option<TempDir>,
}

impl PortainerDouble {
    /// A server of this version on free ports, with an administrator and no environments.
    ///
    /// # Errors
    /// No folder, port or certificate can be had.
    pub fn start(version: &str) -> Result<Self, DoubleError> {
        let temporary = std::env::temp_dir();
        let data = TempDir::new().map_err(DoubleError::path("create a folder in", &temporary))?;
        let options = Options::local(version, data.path());
        let mut double = Self::with(options)?;
        double.data = Some(data);
        Ok(double)
    }

    /// A server with these options.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn with(options: Options) -> Result<Self, DoubleError> {
        let around = Surroundings {
            clock: Arc::new(Clock::new()),
            faults: Arc::default(),
            log: Arc::default(),
        };
        let mut double = Self {
            options,
            around,
            certificate: None,
            setup_token: None,
            running: None,
            data: None,
        };
        double.start_again()?;
        Ok(double)
    }

    /// `https://127.0.0.1:…`
    pub fn url(&self) -> String {
        format!("https://{}", self.options.https)
    }

    /// `http://127.0.0.1:…`; empty with HTTP switched off.
    pub fn http_url(&self) -> String {
        let address = self.options.http.as_ref();
        address.map_or_else(String::new, |address| format!("http://{address}"))
    }

    /// Of the HTTPS listener; the same after a restart.
    pub fn certificate_pem(&self) -> &str {
        self.certificate
            .as_ref()
            .map_or("", |one| &one.certificate_pem)
    }

    /// The same certificate in binary form, as a client pins it.
    ///
    /// # Errors
    /// The certificate of the data folder is none.
    pub fn certificate_der(&self) -> Result<Vec<u8>, DoubleError> {
        let made = self.certificate.as_ref().ok_or(DoubleError::Ended)?;
        made.certificate_der()
    }

    /// The token that an uninitialised server of 2.43 and later wants.
    pub fn setup_token(&self) -> Option<&str> {
        self.setup_token.as_deref()
    }

    pub fn faults(&self) -> &Faults {
        &self.around.faults
    }

    pub fn log(&self) -> &RequestLog {
        &self.around.log
    }

    /// Changes count from the next start.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Lets time pass for bans, tokens and the administrator's window.
    pub fn skip_time(&self, time: Duration) {
        self.around.clock.skip(time);
    }

    /// From now on only skipped time passes.
    pub fn freeze_time(&self) {
        self.around.clock.freeze();
    }

    /// Like a power cut: what it was doing ends.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Starts it on the same data and the same ports.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_again(&mut self) -> Result<(), DoubleError> {
        self.running = None;
        let identity = identity(&self.options)?;
        let https = listen::bind(&self.options.https)?;
        keep(&mut self.options.https, &https);
        let http = match &self.options.http {
            Some(address) => Some(listen::bind(address)?),
            None => None,
        };
        if let (Some(address), Some(http)) = (&mut self.options.http, &http) {
            keep(address, http);
        }
        let server = Server::new(self.options.clone(), self.around.clone())?;
        self.setup_token = server.setup_token().map(str::to_owned);
        let acceptor = identity.acceptor()?;
        self.certificate = Some(identity);
        self.running = Some(ServingThread::start(move || async move {
            if let Some(http) = http {
                tokio::spawn(listen::serve(http, None, server.clone()));
            }
            listen::serve(https, Some(acceptor), server).await;
        }));
        Ok(())
    }

    /// # Errors
    /// As [`Self::start`].
    pub fn restart(&mut self) -> Result<(), DoubleError> {
        self.kill();
        self.start_again()
    }

    /// The data is lost; the server must be stopped.
    ///
    /// # Errors
    /// The folder cannot be emptied.
    pub fn wipe(&mut self) -> Result<(), DoubleError> {
        self.running = None;
        let data = &self.options.data;
        fs::remove_dir_all(data).map_err(DoubleError::path("remove", data))?;
        fs::create_dir_all(data).map_err(DoubleError::path("create", data))
    }
}

/// The certificate of the data folder; one that was given stays there, as in the real server.
pub(super) fn identity(options: &Options) -> Result<Identity, DoubleError> {
    let folder = options.data.join("certs");
    let stored = (folder.join("cert.pem"), folder.join("key.pem"));
    let given = options.certificate.as_ref().unwrap_or(&stored);
    let read = |path: &Path| fs::read_to_string(path).map_err(DoubleError::path("read", path));
    let identity = if given.0.exists() && given.1.exists() {
        Identity {
            certificate_pem: read(&given.0)?,
            key_pem: read(&given.1)?,
        }
    } else {
        let host = options.https.rsplit_once(':').map_or("", |(host, _)| host);
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Identity::self_signed(&["localhost".to_owned(), host.to_owned()])?
    };
    fs::create_dir_all(&folder).map_err(DoubleError::path("create", &folder))?;
    for (path, text) in [
        (&stored.0, &identity.certificate_pem),
        (&stored.1, &identity.key_pem),
    ] {
        fs::write(path, text).map_err(DoubleError::path("write", path))?;
    }
    Ok(identity)
}

/// Keeps a port that was chosen for us, for the next start.
fn keep(address: &mut String, listener: &TcpListener) {
    if let Ok(bound) = listener.local_addr() {
        *address = bound.to_string();
    }
}
