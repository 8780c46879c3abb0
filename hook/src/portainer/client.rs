//! One HTTP exchange with a Portainer server: no redirects, no cookies, a deadline, a bounded body.

use std::time::Duration;

use phoenix_common::retry::Deadline;
use phoenix_common::secret::Secret;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::PortainerError;
use super::form;
use super::reply::error_text;
use crate::https::{HttpsAnswer, HttpsClient, Trust};

/// Longest answer read, in bytes: a list of thousands of stacks.
const ANSWER_LIMIT_BYTES: usize = 32 << 20;
/// What a server says for ever that got no administrator in time (`adminmonitor`).
const LOCKED_OUT: &str = "Administrator initialization timeout";

/// Who asks. A server refuses a key and a token in one request.
#[derive(Debug, Clone, Copy)]
pub enum Authentication<'secret> {
    Nobody,
    Key(&'secret Secret),
    Token(&'secret Secret),
}

/// What is asked.
#[derive(Debug)]
pub struct Call<'call> {
    method: Method,
    /// Path and query below `/api`.
    path: &'call str,
    content: Option<(String, Vec<u8>)>,
    deadline: Duration,
}

impl<'call> Call<'call> {
    pub fn new(method: Method, path: &'call str, deadline: Duration) -> Self {
        Self {
            method,
            path,
            content: None,
            deadline,
        }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        // Our own structs of texts and numbers: there is always JSON for them.
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.content = Some(("application/json".to_owned(), body));
        self
    }

    /// With a form of text fields.
    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let form = form::encode(fields);
        self.content = Some((form.content_type, form.body));
        self
    }

    fn asked(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{} /api{path}", self.method)
    }
}

/// A server at one address.
#[derive(Debug, Clone)]
pub struct Client {
    https: HttpsClient,
    base: String,
}

impl Client {
    /// For the server at `host:port`.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(host: &str, port: u16, trust: &Trust) -> Result<Self, PortainerError> {
        let https = HttpsClient::new(trust).map_err(|source| PortainerError::Https {
            asked: "Portainer".to_owned(),
            source,
        })?;
        let scheme = if *trust == Trust::PlainHttp {
            "http"
        } else {
            "https"
        };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        Ok(Self {
            https,
            base: format!("{scheme}://{host}:{port}"),
        })
    }

    /// Where the web page is.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The answer as JSON. `secrets` do not show up in errors.
    pub async fn answer<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        who: Authentication<'_>,
        secrets: &[&Secret],
    ) -> Result<T, PortainerError> {
        let asked = call.asked();
        let body = self.exchange(call, who, secrets).await?;
        serde_json::from_slice(&body).map_err(|source| PortainerError::Json { asked, source })
    }

    /// The answer's body, whatever it is.
    pub async fn exchange(
        &self,
        call: Call<'_>,
        who: Authentication<'_>,
        secrets: &[&Secret],
    ) -> Result<Vec<u8>, PortainerError> {
        let asked = call.asked();
        let url = format!("{}/api{}", self.base, call.path);
        let mut request = self.https.request(call.method, &url);
        request = match who {
            Authentication::Nobody => request,
            Authentication::Key(key) => request.header("X-API-KEY", header(key.expose())),
            Authentication::Token(token) => {
                request.header(AUTHORIZATION, header(&format!("Bearer {}", token.expose())))
            }
        };
        if let Some((content_type, body)) = call.content {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let deadline = Deadline::after(call.deadline);
        let answer = self.https.send(request, ANSWER_LIMIT_BYTES, deadline).await;
        let answer = answer.map_err(|source| {
            let asked = asked.clone();
            PortainerError::Https { asked, source }
        })?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        Err(refusal(asked, &answer, secrets))
    }
}

fn refusal(asked: String, answer: &HttpsAnswer, secrets: &[&Secret]) -> PortainerError {
    let text = error_text(&answer.body, secrets);
    if answer.status == 303 && text.message.contains(LOCKED_OUT) {
        return PortainerError::LockedOut { asked };
    }
    PortainerError::Status {
        asked,
        status: answer.status,
        message: text.message,
        details: text.details,
    }
}

/// A header that no log of the HTTP stack shows. What cannot stand in a header is sent as nothing, and refused.
fn header(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
