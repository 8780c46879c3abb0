//! Docker's API of an environment, through its agent.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH};
use hyper::{Method, Request};
use serde_json::{Value, json};

use super::Server;
use super::auth::Caller;
use super::records::{Environment, ResourceControl};
use crate::doubles::portainer::client::ClientError;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, BodyError, Call};

/// Longest wait for the head of an answer; a pull answers at once and streams.
const PROXY_DEADLINE: Duration = Duration::from_mins(30);

impl Server {
    pub(super) async fn proxy(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
    ) -> Result<Answer, Refusal> {
        let one = self.known_environment(id)?;
        let Some((_, rest)) = call.path.split_once("/docker/") else {
            return Err(Refusal::not_found());
        };
        let path = without_version(rest);
        let answer = match self.pass_on(&one, call, path).await {
            Ok(answer) => answer,
            Err(_) if self.options.version.proxy_failure_is_empty() => {
                return Ok(wire::empty(502));
            }
            Err(error) => {
                return Err(Refusal::new(502, "Proxy failure", &error.to_string()));
            }
        };
        let kind = kind_of(path);
        match kind {
            Some(kind) if answer.status().is_success() && call.method != Method::DELETE => {
                self.decorated(answer, call, caller, kind).await
            }
            _ => Ok(answer),
        }
    }

    /// The request as it came, signed; the body of the answer is streamed.
    pub(super) async fn pass_on(
        &self,
        one: &Environment,
        call: &Call,
        path: &str,
    ) -> Result<Answer, ClientError> {
        let place = if call.query.is_empty() {
            format!("/{path}")
        } else {
            format!("/{path}?{}", call.query)
        };
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = place.parse().map_err(|_| ClientError::Ended)?;
        let headers = request.headers_mut();
        *headers = call.headers.clone();
        for name in ["x-api-key", "cookie", "origin", "accept-encoding"] {
            headers.remove(name);
        }
        headers.remove(AUTHORIZATION);
        headers.remove(CONNECTION);
        let answer = self.send_signed(one, request, PROXY_DEADLINE).await?;
        Ok(answer.map(|body| body.map_err(BodyError::from).boxed_unsync()))
    }

    /// Adds who may use what is shown.
    async fn decorated(
        &self,
        answer: Answer,
        call: &Call,
        caller: Caller,
        kind: i64,
    ) -> Result<Answer, Refusal> {
        let (mut head, body) = answer.into_parts();
        let gone = |_| Refusal::new(502, "Proxy failure", "unexpected EOF");
        let bytes = body.collect().await.map_err(gone)?.to_bytes();
        let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
            return Ok(Answer::from_parts(head, wire::full(bytes)));
        };
        if call.method == Method::POST {
            if let Some(id) = value.get("ID").and_then(Value::as_str).map(str::to_owned) {
                let made = self
                    .database
                    .write(|tables| tables.ensure_control(&id, kind, Some(caller.user_id)));
                value["Portainer"] = json!({"ResourceControl": shown_control(&made)});
            }
            if self.options.version.rewrites_created() {
                head.status = hyper::StatusCode::OK;
            }
        } else if let Some(list) = value.as_array_mut() {
            for one in list.iter_mut() {
                self.decorate(one);
            }
        } else {
            self.decorate(&mut value);
        }
        head.headers.remove(CONTENT_LENGTH);
        Ok(Answer::from_parts(head, wire::full(value.to_string())))
    }

    fn decorate(&self, one: &mut Value) {
        let id = one.get("ID").and_then(Value::as_str).unwrap_or_default();
        let control = self.database.read(|tables| tables.control(id).cloned());
        if let Some(control) = control {
            one["Portainer"] = json!({"ResourceControl": shown_control(&control)});
        }
    }
}

/// As the API shows it.
pub(super) fn shown_control(one: &ResourceControl) -> Value {
    let users: Vec<Value> = one
        .user_id
        .map(|id| json!({"UserId": id, "AccessLevel": 1}))
        .into_iter()
        .collect();
    json!({
        "Id": one.id, "ResourceId": one.resource_id, "SubResourceIds": [], "Type": one.kind,
        "UserAccesses": users, "TeamAccesses": [], "Public": false,
        "AdministratorsOnly": one.user_id.is_none(), "System": false,
    })
}

/// The kind of a resource whose answers are decorated.
fn kind_of(path: &str) -> Option<i64> {
    match path.split('/').next()? {
        "configs" => Some(7),
        "secrets" => Some(5),
        _ => None,
    }
}

/// Docker's path without `v1.41/`: any version is taken.
fn without_version(path: &str) -> &str {
    match path.split_once('/') {
        Some((first, rest)) if is_version(first) => rest,
        _ => path,
    }
}

fn is_version(part: &str) -> bool {
    let digits = part.strip_prefix('v');
    digits.is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
}
