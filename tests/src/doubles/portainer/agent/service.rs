//! How an agent answers.

use std::sync::Arc;

use hyper::header::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::pairing::{PUBLIC_KEY_HEADER, Pairing, SIGNATURE_HEADER};
use super::{Backend, docker};
use crate::doubles::portainer::guest::MemoryGuest;
use crate::doubles::portainer::listen::Handler;
use crate::doubles::portainer::request_log::{Recorded, RequestLog};
use crate::doubles::portainer::wire::{self, Answer, Call};

/// Tells the server double that there is no engine behind this agent: it asks the agent itself to
/// deploy, under `/memory`.
pub(in crate::doubles::portainer) const MEMORY_HEADER: &str = "portainer-agent-memory";

/// One run of an agent.
#[derive(Debug)]
pub(super) struct Agent {
    backend: Backend,
    pairing: Pairing,
    version: String,
    log: Arc<RequestLog>,
}

impl Agent {
    pub(super) fn new(
        backend: Backend,
        secret: Option<String>,
        version: String,
        log: Arc<RequestLog>,
    ) -> Self {
        let pairing = Pairing::new(secret);
        Self {
            backend,
            pairing,
            version,
            log,
        }
    }

    async fn respond(&self, call: Call) -> Option<Answer> {
        if call.path == "/ping" {
            let good = call.method == hyper::Method::GET;
            return Some(wire::empty(if good { 204 } else { 405 }));
        }
        let key = call.header(PUBLIC_KEY_HEADER);
        let (Some(key), Some(signature)) = (key, call.header(SIGNATURE_HEADER)) else {
            return Some(unauthorized("Missing request signature headers"));
        };
        if !self.pairing.accepts(key, signature) {
            return Some(unauthorized("Invalid request signature"));
        }
        let mut recorded = Recorded {
            method: call.method.to_string(),
            path: call.path.clone(),
            status: None,
        };
        let answer = match &self.backend {
            Backend::Memory(guest) if call.path.starts_with("/memory/") => {
                Some(deploy(guest, &call).await)
            }
            Backend::Memory(guest) => Some(shown(guest.docker(&call))),
            Backend::Socket(socket) => docker::forward(socket, call).await,
        };
        recorded.status = answer.as_ref().map(|answer| answer.status().as_u16());
        self.log.add(recorded);
        answer
    }
}

impl Handler for Agent {
    async fn handle(self: Arc<Self>, call: Call) -> Option<Answer> {
        let mut answer = self.respond(call).await?;
        let headers = answer.headers_mut();
        if let Ok(version) = HeaderValue::from_str(&self.version) {
            headers.insert("portainer-agent", version);
        }
        let one = |text| HeaderValue::from_static(text);
        headers.insert("portainer-agent-api-version", one("2"));
        headers.insert("portainer-agent-platform", one("1"));
        if matches!(self.backend, Backend::Memory(_)) {
            headers.insert(MEMORY_HEADER, one("1"));
        }
        Some(answer)
    }
}

fn unauthorized(message: &str) -> Answer {
    let body = json!({"message": message, "details": "Unauthorized"});
    wire::json(403, &body)
}

fn shown((status, body): (u16, Value)) -> Answer {
    match body {
        Value::Null => wire::empty(status),
        Value::String(text) => wire::typed(status, "text/plain; charset=utf-8", text),
        body => wire::json(status, &body),
    }
}

/// What the server double asks of a guest that has no engine.
async fn deploy(guest: &MemoryGuest, call: &Call) -> Answer {
    let result = match call.path.as_str() {
        "/memory/up" => {
            let request = parsed(call);
            let done = request
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|one| guest.up(one));
            tokio::time::sleep(guest.deploy_time()).await;
            if let (Ok(request), Ok(())) = (&request, &done) {
                guest.settle(request);
            }
            done
        }
        "/memory/down" => parsed(call).map(|request| guest.down(&request)),
        "/memory/deploy" => {
            tokio::time::sleep(guest.deploy_time()).await;
            parsed(call).and_then(|request| guest.deploy(&request))
        }
        "/memory/remove" => parsed(call).and_then(|request| guest.remove_stack(&request)),
        "/memory/is-gone" => {
            parsed(call).and_then(|request: super::super::guest::RemoveRequest| {
                let gone = guest.is_stack_gone(&request.name);
                if gone {
                    Ok(())
                } else {
                    Err("the network is leaving".to_owned())
                }
            })
        }
        _ => Err("no such work".to_owned()),
    };
    match result {
        Ok(()) => wire::empty(204),
        Err(text) => wire::json(422, &json!({"message": text})),
    }
}

fn parsed<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| error.to_string())
}
