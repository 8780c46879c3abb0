//! From an agent to a real Docker socket.

use std::path::Path;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::header::{CONNECTION, HOST};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::UnixStream;

use crate::doubles::portainer::wire::{self, Answer, Call};

/// Passes a request on; the answer's body is streamed.
pub(super) async fn forward(socket: &Path, call: Call) -> Option<Answer> {
    match exchange(socket, call).await {
        Ok(answer) => Some(answer),
        Err(error) => Some(wire::json(502, &json!({"message": error.to_string()}))),
    }
}

async fn exchange(
    socket: &Path,
    call: Call,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let stream = UnixStream::connect(socket).await?;
    let shaking = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = shaking.await?;
    tokio::spawn(async move {
        // Its end is the answer's end.
        let _ = connection.await;
    });
    let place = if call.query.is_empty() {
        call.path.clone()
    } else {
        format!("{}?{}", call.path, call.query)
    };
    let mut request = Request::new(Full::new(call.body));
    *request.method_mut() = call.method;
    *request.uri_mut() = place.parse()?;
    *request.headers_mut() = call.headers;
    request.headers_mut().insert(HOST, "docker".parse()?);
    request.headers_mut().remove(CONNECTION);
    let answer = sender.send_request(request).await?;
    Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
}
