//! One request on stdin, one response on stdout.

use std::io::{Read, Write};
use std::time::Duration;

use phoenix_common::wire::{
    AgentFailure, Answer, FailureKind, Outcome, PROTOCOL_OLDEST, PROTOCOL_VERSION,
    RESPONSE_LIMIT_BYTES, Request, RequestBody, Response,
};
use serde::Deserialize;

use crate::dispatch;
use crate::failure::failed;
use crate::paths::Paths;

/// Longest request read, in bytes. The QEMU guest agent itself takes less than 48 MiB of input.
const REQUEST_LIMIT_BYTES: u64 = 32 << 20;
/// How long the request may take to arrive.
const INPUT_DEADLINE: Duration = Duration::from_mins(1);
/// Most characters of a request's id that are echoed.
const ID_CHARACTERS: usize = 128;

/// The part of a request that every version has.
#[derive(Deserialize)]
struct Envelope {
    protocol: u32,
    id: String,
}

/// Reads, answers and writes; the answer may be a failure.
///
/// # Errors
/// The response could not be written.
pub async fn serve(paths: &Paths) -> std::io::Result<()> {
    let response = match read_request() {
        Ok(bytes) => respond(paths, &bytes).await,
        Err(failure) => response(String::new(), Err(failure)),
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&encoded(&response))?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// The response to the request in `bytes`.
pub async fn respond(paths: &Paths, bytes: &[u8]) -> Response {
    match parse(bytes) {
        Ok(request) => {
            log(&request);
            let outcome = dispatch::answer(paths, request.body).await;
            if let Err(failure) = &outcome {
                tracing::warn!(
                    request = request.id,
                    "request failed: {}",
                    failure.messages.join(": ")
                );
            }
            response(request.id, outcome)
        }
        Err((id, failure)) => {
            tracing::warn!("request refused: {}", failure.messages.join(": "));
            response(id, Err(failure))
        }
    }
}

/// The response as it goes over the wire; one that is too long becomes a failure.
pub fn encoded(response: &Response) -> Vec<u8> {
    let message = match serde_json::to_vec(response) {
        Ok(bytes) if bytes.len() < RESPONSE_LIMIT_BYTES => return bytes,
        Ok(bytes) => format!(
            "the answer of {} bytes is longer than {RESPONSE_LIMIT_BYTES}",
            bytes.len()
        ),
        Err(error) => format!("the answer cannot be written as JSON: {error}"),
    };
    let short = self::response(
        response.id.clone(),
        Err(failed(FailureKind::Failed, message)),
    );
    serde_json::to_vec(&short).unwrap_or_default()
}

fn response(id: String, outcome: Result<Answer, AgentFailure>) -> Response {
    Response {
        protocol: PROTOCOL_VERSION,
        id,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        outcome: match outcome {
            Ok(answer) => Outcome::Ok(Box::new(answer)),
            Err(failure) => Outcome::Err(failure),
        },
    }
}

/// Reads stdin to its end, within size and time.
fn read_request() -> Result<Vec<u8>, AgentFailure> {
    let refused = |message: String| Err(failed(FailureKind::Request, message));
    let (sender, receiver) = std::sync::mpsc::channel();
    // A thread, since a read of stdin cannot be given a deadline.
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = std::io::stdin()
            .lock()
            .take(REQUEST_LIMIT_BYTES + 1)
            .read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    match receiver.recv_timeout(INPUT_DEADLINE) {
        Ok(Ok(bytes)) if bytes.len() as u64 > REQUEST_LIMIT_BYTES => refused(format!(
            "the request is longer than {REQUEST_LIMIT_BYTES} bytes"
        )),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => refused(format!("the request cannot be read: {error}")),
        Err(_) => refused(format!(
            "the request did not end within {} s",
            INPUT_DEADLINE.as_secs()
        )),
    }
}

/// The request; else the id to answer to and what is wrong. The version is looked at first, since
/// another version may have another form.
fn parse(bytes: &[u8]) -> Result<Request, (String, AgentFailure)> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| {
        (
            String::new(),
            failed(FailureKind::Request, explained(&error)),
        )
    })?;
    let id: String = envelope.id.chars().take(ID_CHARACTERS).collect();
    if !(PROTOCOL_OLDEST..=PROTOCOL_VERSION).contains(&envelope.protocol) {
        let message = format!(
            "protocol {} is not spoken here: this agent speaks {PROTOCOL_OLDEST} to {PROTOCOL_VERSION}",
            envelope.protocol
        );
        return Err((id, failed(FailureKind::Protocol, message)));
    }
    match serde_json::from_slice::<Request>(bytes) {
        Ok(request) => Ok(Request { id, ..request }),
        Err(error) => Err((id, failed(FailureKind::Request, explained(&error)))),
    }
}

/// What is wrong with a request, without any of its values: they may be secrets.
fn explained(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let names_no_value = ["unknown field", "missing field", "unknown variant"]
        .iter()
        .any(|start| text.starts_with(start));
    if names_no_value || !error.is_data() {
        return format!("the request is not understood: {text}");
    }
    format!(
        "the request is not understood: a value of the wrong type at line {} column {}",
        error.line(),
        error.column()
    )
}

/// Questions that are asked again and again while a job works would fill the journal.
fn log(request: &Request) {
    let (id, kind) = (request.id.as_str(), kind(&request.body));
    if let RequestBody::JobStatus { .. } = request.body {
        tracing::debug!(request = id, kind, "request {kind}");
    } else {
        tracing::info!(request = id, kind, "request {kind}");
    }
}

fn kind(body: &RequestBody) -> &'static str {
    match body {
        RequestBody::Facts => "facts",
        RequestBody::PlanGuest(_) => "plan_guest",
        RequestBody::InspectGuest(_) => "inspect_guest",
        RequestBody::SwarmView => "swarm_view",
        RequestBody::SwarmToken(_) => "swarm_token",
        RequestBody::PlanStack(_) => "plan_stack",
        RequestBody::StackStatus { .. } => "stack_status",
        RequestBody::MissingPaths { .. } => "missing_paths",
        RequestBody::StackVolumes { .. } => "stack_volumes",
        RequestBody::SwarmStacks => "swarm_stacks",
        RequestBody::Portainer(_) => "portainer",
        RequestBody::SwarmNodeTasks { .. } => "swarm_node_tasks",
        RequestBody::SwarmNodeUpdate(_) => "swarm_node_update",
        RequestBody::JobStart { .. } => "job_start",
        RequestBody::JobStatus { .. } => "job_status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (String, AgentFailure) {
        parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn strict_requests_pass_and_others_say_what_is_wrong() {
        assert!(parse(br#"{"protocol":1,"id":"a","body":"facts"}"#).is_ok());
        for (text, id, kind, words) in [
            ("", "", FailureKind::Request, "EOF"),
            (
                r#"{"protocol":9,"id":"a","body":{"novel":1}}"#,
                "a",
                FailureKind::Protocol,
                "1 to 1",
            ),
            (
                r#"{"protocol":1,"id":"a","body":"facts","x":1}"#,
                "a",
                FailureKind::Request,
                "`x`",
            ),
            (
                r#"{"protocol":1,"id":"a","body":"novel"}"#,
                "a",
                FailureKind::Request,
                "`novel`",
            ),
            (
                r#"{"protocol":1,"id":"a","body":{"job_status":{"job":"j","after":0,"y":1}}}"#,
                "a",
                FailureKind::Request,
                "`y`",
            ),
        ] {
            let (got_id, failure) = refusal(text);
            assert_eq!((got_id.as_str(), failure.kind), (id, kind), "{text}");
            assert!(
                failure.messages[0].contains(words),
                "{:?}",
                failure.messages
            );
        }
    }

    #[test]
    fn a_wrong_type_does_not_show_the_value() {
        let (_, failure) = refusal(
            r#"{"protocol":1,"id":"a","body":{"job_start":{"job":"j","work":{"swarm_join":
            {"token":"t","managers":"canary","advertise_address":"x"}}}}}"#,
        );
        assert!(
            !failure.messages[0].contains("canary"),
            "{:?}",
            failure.messages
        );
    }

    #[test]
    fn a_response_that_is_too_long_becomes_a_failure() {
        let long = failed(FailureKind::Failed, "x".repeat(RESPONSE_LIMIT_BYTES));
        let bytes = encoded(&response("id".into(), Err(long)));
        assert!(bytes.len() < RESPONSE_LIMIT_BYTES);
        assert!(String::from_utf8(bytes).unwrap().contains("is longer than"));
    }
}
