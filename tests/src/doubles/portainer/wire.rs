//! Requests and answers as the doubles handle them.

use std::fmt::Write as _;
use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde_json::Value;

/// Largest body that is read, in bytes.
pub(super) const BODY_LIMIT_BYTES: usize = 64 << 20;

/// What a body may fail with while it is sent.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Body = UnsyncBoxBody<Bytes, BodyError>;
pub(super) type Answer = Response<Body>;

/// A request that was read whole.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Not decoded, without the query.
    pub(super) path: String,
    /// Not decoded.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) remote: IpAddr,
}

impl Call {
    /// The parts of the path, decoded.
    pub(super) fn segments(&self) -> Vec<String> {
        let parts = self.path.split('/').skip(1);
        parts.map(|part| percent_decoded(part, false)).collect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a query parameter.
    pub(super) fn parameters(&self, names: &[&str]) -> Vec<String> {
        let pairs = pairs(&self.query);
        let wanted = pairs.filter(|(name, _)| names.contains(&name.as_str()));
        wanted.map(|(_, value)| value).collect()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let found = self.parameters(&[name]).into_iter().next();
        found.filter(|value| !value.is_empty())
    }
}

/// The pairs of a query or an urlencoded form, decoded.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts.map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (percent_decoded(name, true), percent_decoded(value, true))
    })
}

/// `%41` as `A`; in a form `+` is a blank.
pub(super) fn percent_decoded(text: &str, is_form: bool) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text
            .get(at + 1..at + 3)
            .map(|pair| u8::from_str_radix(pair, 16));
        match (bytes[at], hex) {
            (b'%', Some(Ok(byte))) => {
                plain.push(byte);
                at += 2;
            }
            (b'+', _) if is_form => plain.push(b' '),
            (byte, _) => plain.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Everything outside of letters, digits and `-_.~` as `%41`.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(super) fn json(status: u16, value: &Value) -> Answer {
    typed(status, "application/json", value.to_string())
}

pub(super) fn text(status: u16, text: &'static str) -> Answer {
    if text.is_empty() {
        return empty(status);
    }
    typed(status, "text/plain; charset=utf-8", text)
}

pub(super) fn typed(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(full(body));
    *answer.status_mut() = code(status);
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

pub(super) fn empty(status: u16) -> Answer {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = code(status);
    answer
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
