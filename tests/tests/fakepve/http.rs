//! A client that sends what it is told, byte by byte.

use std::time::Duration;

use phoenix_tests::fakepve::FakePve;
use reqwest::{Certificate, Client, Method};
use serde_json::Value;

/// The token of root that every server here has.
pub(crate) const TOKEN: &str = "root@pam!t1=TOKEN";

/// A client of one server that sends what it is told, byte by byte.
pub(crate) struct Http {
    client: Client,
    url: String,
}

/// `HTTP/1.1 400 Parameter verification failed.` and the body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Http {
    pub(crate) fn of(pve: &FakePve) -> Self {
        // Another test of this program may have done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pem = std::fs::read(&pve.address().ca).unwrap();
        let client = Client::builder()
            .add_root_certificate(Certificate::from_pem(&pem).unwrap())
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self {
            client,
            url: pve.address().url.clone(),
        }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> Answer {
        let method: Method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("Authorization", format!("PVEAPIToken={token}"));
        }
        if !body.is_empty() {
            let kind = if body.starts_with('{') {
                "json"
            } else {
                "x-www-form-urlencoded"
            };
            request = request.header("Content-Type", format!("application/{kind}"));
            request = request.body(body.to_owned());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, body }
    }

    pub(crate) async fn api(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, &format!("/api2/json{path}"), Some(TOKEN), body)
            .await
    }

    /// A task's exit status and log, when it has ended.
    pub(crate) async fn ended(&self, upid: &str) -> (String, Vec<String>) {
        let task = format!("/nodes/pve1/tasks/{upid}");
        for _ in 0..600 {
            let status = self.api("GET", &format!("{task}/status"), "").await.body;
            if status["data"]["status"] == "stopped" {
                let log = self.api("GET", &format!("{task}/log"), "").await.body;
                let lines = log["data"].as_array().unwrap().iter();
                let text = |line: &Value| line["t"].as_str().unwrap().to_owned();
                let exit = status["data"]["exitstatus"].as_str().unwrap().to_owned();
                return (exit, lines.map(text).collect());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{upid} does not end");
    }
}
