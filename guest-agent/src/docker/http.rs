//! One HTTP/1.1 exchange over a unix socket.

use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::error::EngineError;

/// What is sent.
pub(super) struct Call<'call> {
    pub method: Method,
    /// Path and query.
    pub path: &'call str,
    pub headers: &'call [(&'call str, &'call str)],
    pub body: Option<Vec<u8>>,
}

/// What came back.
pub(super) struct Reply {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Call<'_> {
    /// Method and path, for messages.
    pub(super) fn asked(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Connects, sends, and reads a body of at most `limit_bytes`. The caller sets the deadline.
    pub(super) async fn send(
        self,
        socket: &Path,
        limit_bytes: usize,
    ) -> Result<Reply, EngineError> {
        let asked = self.asked();
        let broke = |source| EngineError::Connection {
            asked: asked.clone(),
            source,
        };
        let request = self.into_request()?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(connect(socket).await?))
                .await
                .map_err(broke)?;
        // Dropped at the end of the call, also at its deadline: that closes the connection.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let response = sender.send_request(request).await.map_err(broke)?;
        read(response, &asked, limit_bytes).await
    }

    fn into_request(self) -> Result<Request<Full<Bytes>>, EngineError> {
        let asked = self.asked();
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header("Host", "docker");
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        if self.body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        request
            .body(Full::new(self.body.unwrap_or_default().into()))
            .map_err(|source| EngineError::Request { asked, source })
    }
}

async fn connect(socket: &Path) -> Result<UnixStream, EngineError> {
    UnixStream::connect(socket).await.map_err(|source| {
        let path = socket.to_owned();
        if source.kind() == std::io::ErrorKind::NotFound {
            EngineError::NoSocket { path }
        } else {
            EngineError::Connect { path, source }
        }
    })
}

async fn read(
    response: Response<hyper::body::Incoming>,
    asked: &str,
    limit_bytes: usize,
) -> Result<Reply, EngineError> {
    let status = response.status().as_u16();
    let (head, body) = response.into_parts();
    let collected = Limited::new(body, limit_bytes).collect().await;
    match collected {
        Ok(collected) => Ok(Reply {
            status,
            headers: head.headers,
            body: collected.to_bytes(),
        }),
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(source) => EngineError::Connection {
                asked: asked.to_owned(),
                source: *source,
            },
            Err(error) => {
                debug_assert!(error.is::<LengthLimitError>());
                EngineError::TooLong {
                    asked: asked.to_owned(),
                    limit_bytes,
                }
            }
        }),
    }
}
