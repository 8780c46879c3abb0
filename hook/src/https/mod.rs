//! HTTPS to servers whose certificate the operator knows: pinned by its fingerprint, or signed by a named authority.

mod error;
mod trust;

use std::time::Duration;

use phoenix_common::retry::Deadline;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};

pub use error::HttpsError;
pub use trust::{Fingerprint, FingerprintError, Trust};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for one server. Follows no redirect, uses no proxy, believes no other certificate.
#[derive(Debug, Clone)]
pub struct HttpsClient {
    client: reqwest::Client,
}

/// A whole answer, whatever its status.
#[derive(Debug, Clone)]
pub struct HttpsAnswer {
    pub status: u16,
    /// The text behind the number in the status line: some servers say only there what is wrong.
    pub reason: String,
    pub body: Vec<u8>,
}

impl HttpsClient {
    /// # Errors
    /// The authority's certificates are none.
    pub fn new(trust: &Trust) -> Result<Self, HttpsError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(trust.tls_config()?)
            .https_only(*trust != Trust::PlainHttp)
            .http1_only()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|source| HttpsError::Client { source })?;
        Ok(Self { client })
    }

    /// A request to be given headers and a body, and to be handed to [`Self::send`].
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// The answer, its body at most `limit_bytes` long.
    ///
    /// # Errors
    /// No whole answer before the deadline. What was asked for may have been done all the same.
    pub async fn send(
        &self,
        request: RequestBuilder,
        limit_bytes: usize,
        deadline: Deadline,
    ) -> Result<HttpsAnswer, HttpsError> {
        let seconds = deadline.remaining().as_secs();
        tokio::time::timeout(deadline.remaining(), whole_answer(request, limit_bytes))
            .await
            .unwrap_or(Err(HttpsError::Deadline { seconds }))
    }
}

async fn whole_answer(
    request: RequestBuilder,
    limit_bytes: usize,
) -> Result<HttpsAnswer, HttpsError> {
    // The address is the caller's to show: it may hold what is secret.
    let failed = |source: reqwest::Error| HttpsError::of(source.without_url());
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    let reason = match response.extensions().get::<hyper::ext::ReasonPhrase>() {
        Some(reason) => String::from_utf8_lossy(reason.as_bytes()).into_owned(),
        None => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > limit_bytes {
            return Err(HttpsError::TooLong { limit_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpsAnswer {
        status: status.as_u16(),
        reason,
        body,
    })
}
