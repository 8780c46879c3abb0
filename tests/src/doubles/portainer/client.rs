//! Requests of the server double to an agent, with the errors in Go's words.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// How long a connection may take, as Portainer's own dialer.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);

/// Where an agent listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AgentAddress {
    pub(super) host: String,
    pub(super) port: u16,
}

impl AgentAddress {
    /// Of an environment's URL; with no port as for HTTPS.
    pub(super) fn of(url: &str) -> Option<Self> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, 443),
        };
        let host = host.to_owned();
        (!host.is_empty()).then_some(Self { host, port })
    }

    pub(super) fn dial(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// A request that got no answer; the text is what Go would say.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("dial tcp {address}: connect: connection refused")]
    Refused { address: String },
    #[error("dial tcp: lookup {host}: no such host")]
    NoHost { host: String },
    #[error("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")]
    Late,
    #[error("dial tcp {address}: {source}")]
    Dial {
        address: String,
        source: std::io::Error,
    },
    #[error("EOF")]
    Ended,
}

/// Sends `request` over TLS without verification; the head of the answer must come within `deadline`.
pub(super) async fn send(
    config: &Arc<ClientConfig>,
    address: &AgentAddress,
    request: Request<Full<Bytes>>,
    deadline: Duration,
) -> Result<Response<Incoming>, ClientError> {
    let exchange = async {
        let stream = dial(address).await?;
        let name = ServerName::try_from("agent.invalid").map_err(|_| ClientError::Ended)?;
        let connecting = TlsConnector::from(config.clone()).connect(name, stream);
        let stream = connecting.await.map_err(|_| ClientError::Ended)?;
        let shaking = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = shaking.await.map_err(|_| ClientError::Ended)?;
        tokio::spawn(async move {
            // Its end is the answer's end, which the reader sees.
            let _ = connection.with_upgrades().await;
        });
        let answer = sender.send_request(request).await;
        answer.map_err(|_| ClientError::Ended)
    };
    let timed = tokio::time::timeout(deadline, exchange).await;
    timed.unwrap_or(Err(ClientError::Late))
}

async fn dial(address: &AgentAddress) -> Result<TcpStream, ClientError> {
    let dialing = TcpStream::connect((address.host.as_str(), address.port));
    let Ok(connected) = tokio::time::timeout(CONNECT_DEADLINE, dialing).await else {
        return Err(ClientError::Late);
    };
    connected.map_err(|source| match source.kind() {
        std::io::ErrorKind::ConnectionRefused => ClientError::Refused {
            address: address.dial(),
        },
        _ if source.raw_os_error().is_none() => ClientError::NoHost {
            host: address.host.clone(),
        },
        _ => ClientError::Dial {
            address: address.dial(),
            source,
        },
    })
}
