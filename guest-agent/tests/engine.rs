//! The engine client against a server that speaks the wire.

#![cfg(test)]

mod support;

use std::time::{Duration, Instant};

use phoenix_guest_agent::docker::engine::Engine;
use phoenix_guest_agent::docker::error::EngineError;
use serde_json::{Value, json};
use support::fake_engine::{FakeEngine, Says};

#[tokio::test]
async fn calls_carry_the_negotiated_version_headers_and_body() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeEngine::start(&folder.path().join("docker.sock"), |_| {
        Says::Json(201, json!({"ID": "one"}))
    });
    let engine = Engine::connect(&fake.socket).await.unwrap();
    let answer = engine
        .post(
            "/services/create",
            &json!({"Name": "web"}),
            &[("X-Registry-Auth", "abc")],
        )
        .await
        .unwrap();
    assert_eq!(answer, json!({"ID": "one"}));
    engine.ping().await.unwrap();
    let received = fake.received();
    // An engine whose ping does not tell its version is asked for it.
    assert_eq!(received[0].path, "/_ping");
    assert_eq!(received[1].path, "/version");
    assert_eq!(received[2].path, "/v1.41/services/create");
    assert_eq!(received[2].body, json!({"Name": "web"}));
    assert!(received[2].headers.contains("x-registry-auth: abc"));
    // bollard's own calls are pinned too.
    assert_eq!(received[3].path, "/v1.41/_ping");
}

#[tokio::test]
async fn an_empty_answer_is_null() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeEngine::start(&folder.path().join("s"), |_| Says::Json(200, Value::Null));
    let engine = Engine::connect(&fake.socket).await.unwrap();
    assert_eq!(engine.delete("/services/x").await.unwrap(), Value::Null);
}

#[tokio::test]
async fn refusals_keep_status_and_message_and_show_them_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeEngine::start(&folder.path().join("s"), |request| {
        match request.call().as_str() {
            "GET /services/gone" => Says::error(404, "service gone not found"),
            "POST /nodes/n/update" => Says::error(
                500,
                "rpc error: code = Unknown desc = update out of sequence",
            ),
            _ => Says::error(409, "\u{1b}[2Jforged"),
        }
    });
    let engine = Engine::connect(&fake.socket).await.unwrap();
    assert!(
        engine
            .get("/services/gone")
            .await
            .unwrap_err()
            .is_not_found()
    );
    let stale = engine
        .post("/nodes/n/update?version=1", &json!({}), &[])
        .await;
    let stale = stale.unwrap_err();
    assert!(stale.is_out_of_sequence() && stale.is_retryable());
    let conflict = engine.post("/networks/create", &json!({}), &[]).await;
    let conflict = conflict.unwrap_err();
    assert!(conflict.is_conflict() && !conflict.is_retryable());
    assert_eq!(
        conflict.to_string(),
        "POST /v1.41/networks/create: Docker answered 409: \\u{1b}[2Jforged"
    );
}

#[tokio::test]
async fn a_silent_engine_ends_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeEngine::start(&folder.path().join("s"), |_| Says::Nothing);
    let engine = Engine::connect(&fake.socket).await.unwrap();
    let engine = engine
        .with_call_deadline(Duration::from_millis(200))
        .unwrap();
    let begin = Instant::now();
    let error = engine.get("/info").await.unwrap_err();
    assert!(matches!(error, EngineError::Deadline { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_endless_answer_and_one_that_is_no_json_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeEngine::start(&folder.path().join("s"), |request| {
        if request.call() == "GET /long" {
            let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".to_vec();
            answer.resize(answer.len() + 99_999_999, b' ');
            Says::Raw(answer)
        } else {
            Says::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{x}".to_vec())
        }
    });
    let engine = Engine::connect(&fake.socket).await.unwrap();
    let long = engine.get("/long").await.unwrap_err();
    assert!(matches!(long, EngineError::TooLong { .. }), "{long}");
    let garbage = engine.get("/x").await.unwrap_err();
    assert!(matches!(garbage, EngineError::Json { .. }), "{garbage}");
}

#[tokio::test]
async fn a_missing_socket_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker.sock");
    let error = Engine::connect(&path).await.unwrap_err();
    assert!(error.is_silent());
    assert!(error.to_string().contains(path.to_str().unwrap()));
}
