//! HTTP and HTTPS listeners in front of a handler.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::error::DoubleError;
use super::wire::{self, Answer, BODY_LIMIT_BYTES, Body, Call};

/// Answers requests; `None` ends the connection without an answer.
pub(super) trait Handler: Send + Sync + 'static {
    fn handle(self: Arc<Self>, call: Call) -> impl Future<Output = Option<Answer>> + Send;
}

/// Binds `address`; port 0 takes a free one.
pub(super) fn bind(address: &str) -> Result<TcpListener, DoubleError> {
    let wrong = |source| DoubleError::Listen {
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).map_err(wrong)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    Ok(listener)
}

/// Serves until the runtime ends.
pub(super) async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    handler: Arc<H>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    loop {
        // A connection that was gone before it was taken is no reason to end.
        let Ok((stream, remote)) = listener.accept().await else {
            continue;
        };
        let handler = handler.clone();
        let tls = tls.clone();
        tokio::spawn(connection(stream, remote, tls, handler));
    }
}

async fn connection<H: Handler>(
    mut stream: TcpStream,
    remote: SocketAddr,
    tls: Option<TlsAcceptor>,
    handler: Arc<H>,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return speak(stream, remote, handler).await;
    };
    let mut first = [0];
    if !matches!(stream.peek(&mut first).await, Ok(1)) {
        return;
    }
    // A TLS record of a handshake begins with 22.
    if first != [22] {
        let refusal =
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        let _ = stream.write_all(refusal.as_bytes()).await;
        let _ = stream.shutdown().await;
        return;
    }
    if let Ok(stream) = tls.accept(stream).await {
        speak(stream, remote, handler).await;
    }
}

async fn speak<S, H>(stream: S, remote: SocketAddr, handler: Arc<H>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let service = service_fn(move |request| answer(request, remote, handler.clone()));
    // The client may leave at any time.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer<H: Handler>(
    request: Request<Incoming>,
    remote: SocketAddr,
    handler: Arc<H>,
) -> Result<Response<Body>, Gone> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT_BYTES).collect().await else {
        return Ok(wire::empty(413));
    };
    let call = Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.to_bytes(),
        remote: remote.ip(),
    };
    handler.handle(call).await.ok_or(Gone)
}

/// The answer is left out: hyper closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends without an answer")]
struct Gone;
