//! Requests to agents, signed.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};

use super::Server;
use super::records::Environment;
use crate::doubles::portainer::agent::pairing::{PUBLIC_KEY_HEADER, SIGNATURE_HEADER};
use crate::doubles::portainer::client::{self, AgentAddress, ClientError};
use crate::doubles::portainer::wire::BODY_LIMIT_BYTES;

impl Server {
    /// Status and body of a signed request.
    pub(super) async fn ask(
        &self,
        one: &Environment,
        request: Request<Full<Bytes>>,
        deadline: Duration,
    ) -> Result<(u16, Bytes), ClientError> {
        let answer = self.send_signed(one, request, deadline).await?;
        let status = answer.status().as_u16();
        let reading = Limited::new(answer.into_body(), BODY_LIMIT_BYTES).collect();
        let read = tokio::time::timeout(deadline, reading).await;
        let body = read.map_err(|_| ClientError::Late)?;
        Ok((status, body.map_err(|_| ClientError::Ended)?.to_bytes()))
    }

    pub(super) async fn send_signed(
        &self,
        one: &Environment,
        mut request: Request<Full<Bytes>>,
        deadline: Duration,
    ) -> Result<Response<Incoming>, ClientError> {
        let address = AgentAddress::of(&one.url).ok_or(ClientError::Ended)?;
        self.sign(request.headers_mut());
        self.send_to(&address, request, deadline).await
    }

    pub(super) async fn send_to(
        &self,
        address: &AgentAddress,
        mut request: Request<Full<Bytes>>,
        deadline: Duration,
    ) -> Result<Response<Incoming>, ClientError> {
        if let Ok(host) = HeaderValue::from_str(&address.dial()) {
            request.headers_mut().insert(HOST, host);
        }
        client::send(&self.connector, address, request, deadline).await
    }

    fn sign(&self, headers: &mut HeaderMap) {
        let Ok((key, signature)) = self.signing.sign(self.options.agent_secret.as_deref()) else {
            return;
        };
        for (name, value) in [(PUBLIC_KEY_HEADER, key), (SIGNATURE_HEADER, signature)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

pub(super) fn get(path: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::new()));
    if let Ok(path) = path.parse() {
        *request.uri_mut() = path;
    }
    request
}

pub(super) fn post(path: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    let mut request = get(path);
    *request.method_mut() = Method::POST;
    *request.body_mut() = Full::new(body.into());
    request
}
