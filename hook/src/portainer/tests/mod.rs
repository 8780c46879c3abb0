//! The client against a server on the wire.

pub(crate) mod fake;

use std::time::Duration;

use phoenix_common::secret::Secret;
use reqwest::Method;
use serde_json::Value;

use self::fake::{CERTIFICATE, FakeServer, answer, line};
use super::credentials::SecretFiles;
use super::{Authentication, Call, PortainerError, Session};
use crate::https::{HttpsError, Trust};
use crate::paths::Paths;

fn get(path: &str) -> Call<'_> {
    Call::new(Method::GET, path, Duration::from_secs(5))
}

async fn asked(server: &FakeServer) -> Result<Value, PortainerError> {
    let client = server.client();
    client
        .answer(get("/x?secret=1"), Authentication::Nobody, &[])
        .await
}

#[tokio::test]
async fn only_the_pinned_certificate_is_spoken_to() {
    let server = FakeServer::tls(|_| answer("200 OK", "{\"Version\":\"2.39.6\"}"));
    let client = server.pinned_client(CERTIFICATE);
    let status: Value = client
        .answer(get("/system/status"), Authentication::Nobody, &[])
        .await
        .unwrap();
    assert_eq!(status["Version"], "2.39.6");
    // Another certificate in the guest: nothing is said to whoever answers.
    let pin = "ab".repeat(32).parse().unwrap();
    let stranger = super::Client::new("localhost", server.port(), &Trust::Pinned(pin));
    let key = Secret::new("ptr_canary");
    let error = stranger
        .unwrap()
        .answer::<Value>(get("/stacks"), Authentication::Key(&key), &[])
        .await
        .unwrap_err();
    let text = phoenix_common::log::Chain(&error).to_string();
    assert!(text.contains("another one than"), "{text}");
    assert!(!error.is_transient() && !error.may_have_happened());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_lock_out_has_its_name() {
    let server = FakeServer::http(|_| {
        "HTTP/1.1 302 Found\r\nLocation: /api/other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
    });
    let error = asked(&server).await.unwrap_err();
    assert_eq!(error.status(), Some(302));
    assert_eq!(server.lines(), ["GET /api/x?secret=1"]);
    let server = FakeServer::http(|_| {
        "HTTP/1.1 303 See Other\r\nRedirect-Reason: AdminInitTimeout\r\nContent-Length: 48\r\nConnection: close\r\n\r\n{\"message\":\"Administrator initialization timeout\"}".to_owned()
    });
    let error = asked(&server).await.unwrap_err();
    assert!(matches!(error, PortainerError::LockedOut { .. }), "{error}");
}

fn is_broken(error: &PortainerError) -> bool {
    let PortainerError::Https { source, .. } = error else {
        return false;
    };
    matches!(source, HttpsError::Broken { .. })
}

#[tokio::test]
async fn faults_on_the_wire_are_told_apart() {
    let html = FakeServer::http(|_| answer("200 OK", "<html>"));
    let error = asked(&html).await.unwrap_err();
    assert!(matches!(&error, PortainerError::Json { asked, .. } if asked == "GET /api/x"));
    let half = FakeServer::http(|_| "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_owned());
    let error = asked(&half).await.unwrap_err();
    assert!(is_broken(&error), "{error}");
    assert!(error.may_have_happened());
    let silent = FakeServer::http(|_| String::new());
    let error = asked(&silent).await.unwrap_err();
    assert!(error.may_have_happened() && error.is_transient(), "{error}");
    let nobody = super::Client::new("127.0.0.1", 1, &Trust::PlainHttp).unwrap();
    let error = nobody
        .answer::<Value>(get("/x"), Authentication::Nobody, &[])
        .await
        .unwrap_err();
    assert!(
        !error.may_have_happened() && error.is_transient(),
        "{error}"
    );
    let slow = FakeServer::http(|_| {
        std::thread::sleep(Duration::from_secs(3));
        answer("200 OK", "{}")
    });
    let call = Call::new(Method::GET, "/x", Duration::from_millis(100));
    let error = slow
        .client()
        .answer::<Value>(call, Authentication::Nobody, &[])
        .await
        .unwrap_err();
    let PortainerError::Https { source, .. } = &error else {
        panic!("{error}");
    };
    assert!(matches!(source, HttpsError::Deadline { .. }), "{source}");
}

#[tokio::test]
async fn a_key_is_minted_once_and_no_error_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(folder.path());
    let files = SecretFiles::new(&paths);
    files.generate_missing().unwrap();
    let password = files.instance().unwrap().unwrap().admin_password;
    let echoed = password.expose().to_owned();
    let server = FakeServer::http(move |request| match line(request) {
        "POST /api/auth" => answer("200 OK", r#"{"jwt":"the-token"}"#),
        "GET /api/users/me" => answer("200 OK", r#"{"Id":7,"Role":1,"Username":"admin"}"#),
        "POST /api/users/7/tokens" => answer(
            "201 Created",
            r#"{"rawAPIKey":"ptr_canary","apiKey":{"id":1}}"#,
        ),
        "GET /api/stacks" => answer("200 OK", "[]"),
        _ => answer(
            "500 Internal Server Error",
            &format!(r#"{{"message":"ptr_canary {echoed}"}}"#),
        ),
    });
    let mut session = Session::open(server.client(), &files).unwrap();
    assert!(!session.has_key());
    session.mint("admin", &files).await.unwrap();
    assert_eq!(session.stacks().await.unwrap(), []);
    let error = session.environments().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "GET /api/endpoints: Portainer answered 500: [secret] [secret]"
    );
    // Kept for the next process; never key and token in one request.
    assert!(Session::open(server.client(), &files).unwrap().has_key());
    let requests = server.requests();
    assert!(
        requests[2].contains("authorization: Bearer the-token")
            && !requests[2].contains("x-api-key")
    );
    assert!(
        requests[3].contains("x-api-key: ptr_canary") && !requests[3].contains("authorization")
    );
}

#[tokio::test]
async fn a_wrong_password_names_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let files = SecretFiles::new(&Paths::new(folder.path()));
    files.generate_missing().unwrap();
    let server = FakeServer::http(|_| {
        answer(
            "422 Unprocessable Entity",
            r#"{"message":"Invalid credentials","details":"Unauthorized"}"#,
        )
    });
    let mut session = Session::open(server.client(), &files).unwrap();
    let error = session.mint("admin", &files).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("secrets/portainer_admin_password"),
        "{error}"
    );
    // The second try keeps the pace that no server bans.
    let started = std::time::Instant::now();
    session.mint("admin", &files).await.unwrap_err();
    assert!(started.elapsed() >= Duration::from_millis(900));
}
