//! REST with an API token (`PVE/HTTPServer.pm`, `PVE/APIServer/AnyEvent.pm`).

use phoenix_common::retry::Deadline;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::token::ApiToken;
use super::{Call, Method, answer};
use crate::https::{HttpsAnswer, HttpsClient, HttpsError, Trust};
use crate::pve::percent;

/// The longest answers are lists of guests and logs of tasks.
const ANSWER_LIMIT_BYTES: usize = 8 << 20;

#[derive(Debug, Clone)]
pub struct Rest {
    /// `https://pve1:8006`, without a path.
    url: String,
    client: HttpsClient,
    token: ApiToken,
}

/// What every answer is wrapped in.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    data: Value,
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Map<String, Value>,
}

impl Rest {
    /// # Errors
    /// What is trusted cannot be used.
    pub fn new(url: &str, trust: &Trust, token: ApiToken) -> Result<Self, HttpsError> {
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            client: HttpsClient::new(trust)?,
            token,
        })
    }

    pub(super) async fn call(&self, call: &Call, deadline: Deadline) -> Result<Value, ApiError> {
        let mut url = format!("{}/api2/json{}", self.url, call.path);
        let (method, in_url) = match call.method {
            Method::Get => (reqwest::Method::GET, true),
            Method::Create => (reqwest::Method::POST, false),
            Method::Set => (reqwest::Method::PUT, false),
            Method::Delete => (reqwest::Method::DELETE, true),
        };
        let parameters = form(&call.parameters);
        if in_url && !parameters.is_empty() {
            url = format!("{url}?{parameters}");
        }
        let mut request = self.client.request(method, &url);
        if let Ok(mut token) = HeaderValue::from_str(self.token.header()) {
            token.set_sensitive(true);
            request = request.header(AUTHORIZATION, token);
        }
        if !in_url {
            request = request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(parameters);
        }
        let sent = self.client.send(request, ANSWER_LIMIT_BYTES, deadline);
        let answer = sent.await.map_err(|source| ApiError::Https {
            call: call.to_string(),
            source,
        })?;
        read(call, &answer)
    }
}

fn form(parameters: &[(String, String)]) -> String {
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", percent::encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn read(call: &Call, answer: &HttpsAnswer) -> Result<Value, ApiError> {
    let envelope: Result<Envelope, _> = serde_json::from_slice(&answer.body);
    if answer.status == 200 {
        let envelope = envelope.map_err(|source| ApiError::Answer {
            call: call.to_string(),
            source,
        })?;
        return Ok(envelope.data);
    }
    let message = match envelope {
        Ok(envelope) => complaint(&envelope, &answer.reason),
        // Recorded: 401 has no body, and broken JSON is answered with Perl's own words.
        Err(_) => answer.reason.clone(),
    };
    Err(ApiError::refused(
        &call.to_string(),
        Some(answer.status),
        message,
    ))
}

fn complaint(envelope: &Envelope, reason: &str) -> String {
    let single = envelope
        .errors
        .iter()
        .map(|(name, text)| format!("{name}: {}", answer::text(text).trim()));
    let single: Vec<String> = single.collect();
    if !single.is_empty() {
        return single.join(", ");
    }
    match envelope.message.trim() {
        "" => reason.to_owned(),
        message => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded_as_proxmox_decodes_it() {
        let keys = percent::encode("ssh-ed25519 AAAA test@example");
        let parameters = [
            (
                "ipconfig0".to_owned(),
                "ip=10.99.0.5/24,gw=10.99.0.1".to_owned(),
            ),
            ("sshkeys".to_owned(), keys),
        ];
        assert_eq!(
            form(&parameters),
            "ipconfig0=ip%3D10.99.0.5%2F24%2Cgw%3D10.99.0.1&sshkeys=ssh-ed25519%2520AAAA%2520test%2540example"
        );
    }

    #[test]
    fn what_is_wrong_is_found_where_proxmox_says_it() {
        let said = |status, reason: &str, body: &str| {
            let answer = HttpsAnswer {
                status,
                reason: reason.to_owned(),
                body: body.as_bytes().to_vec(),
            };
            let call = Call::new(Method::Set, "/p");
            read(&call, &answer).unwrap_err().to_string()
        };
        let body = "{\"errors\":{\"cores\":\"type check ('integer') failed - got 'abc'\"},\"data\":null,\"message\":\"Parameter verification failed.\\n\"}";
        assert_eq!(
            said(400, "Parameter verification failed.", body),
            "set /p: cores: type check ('integer') failed - got 'abc'"
        );
        assert!(said(401, "invalid token value!", "").starts_with("set /p: invalid token value!"));
        let body = "{\"message\":\"VM 1 is running - destroy failed\\n\",\"data\":null}";
        assert_eq!(
            said(500, "x", body),
            "set /p: VM 1 is running - destroy failed"
        );
    }
}
