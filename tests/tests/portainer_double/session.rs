//! A signed-in caller of a double.

use std::time::{Duration, Instant};

use phoenix_tests::doubles::portainer::{ADMIN_PASSWORD, PortainerDouble, RawClient};
use phoenix_tests::lab::HttpAnswer;
use serde_json::{Value, json};

pub(crate) const FILE: &str =
    "services:\n  web:\n    image: busybox:1.36\n    command: [sleep, '3600']\n";

/// An API key and the connection.
pub(crate) struct Session {
    pub(crate) client: RawClient,
    pub(crate) key: String,
}

impl Session {
    pub(crate) fn of(double: &PortainerDouble) -> Self {
        Self::with(RawClient::new(&double.url()).unwrap(), ADMIN_PASSWORD)
    }

    pub(crate) fn with(client: RawClient, password: &str) -> Self {
        let body = json!({"Username": "admin", "Password": password});
        let jwt = post(&client, "/api/auth", "", &body);
        let token = parsed(&jwt)["jwt"].as_str().unwrap().to_owned();
        let bearer = format!("Authorization: Bearer {token}");
        let body = json!({"password": password, "description": "tests"});
        let minted = post(&client, "/api/users/1/tokens", &bearer, &body);
        let key = parsed(&minted)["rawAPIKey"].as_str().unwrap().to_owned();
        Self { client, key }
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> HttpAnswer {
        self.try_call(method, path, body).unwrap()
    }

    pub(crate) fn try_call(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> std::io::Result<HttpAnswer> {
        let headers = [
            format!("X-API-KEY: {}", self.key),
            "Content-Type: application/json".to_owned(),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.client.send(method, path, &headers, body.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        parsed(&self.call("GET", path, &Value::Null))
    }

    pub(crate) fn register(&self, name: &str, url: &str) -> HttpAnswer {
        let form = format!(
            "Name={name}&URL={url}&EndpointCreationType=2&TLS=true&TLSSkipVerify=true&TLSSkipClientVerify=true"
        );
        let headers = [
            format!("X-API-KEY: {}", self.key),
            "Content-Type: application/x-www-form-urlencoded".to_owned(),
        ];
        self.client
            .send("POST", "/api/endpoints", &headers, form.as_bytes())
            .unwrap()
    }

    pub(crate) fn create(&self, name: &str, endpoint: i64) -> HttpAnswer {
        self.create_file(name, endpoint, FILE)
    }

    pub(crate) fn create_file(&self, name: &str, endpoint: i64, file: &str) -> HttpAnswer {
        let path = format!("/api/stacks/create/standalone/string?endpointId={endpoint}");
        let body = json!({"Name": name, "StackFileContent": file, "Env": []});
        self.call("POST", &path, &body)
    }

    /// Its status once it is not being deployed any more.
    pub(crate) fn settled(&self, stack: i64) -> i64 {
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let status = self.get(&format!("/api/stacks/{stack}"))["Status"].as_i64();
            if status != Some(3) || Instant::now() > deadline {
                return status.unwrap();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn post(client: &RawClient, path: &str, header: &str, body: &Value) -> HttpAnswer {
    let headers: Vec<String> = [header, "Content-Type: application/json"]
        .iter()
        .filter(|header| !header.is_empty())
        .map(|header| (*header).to_owned())
        .collect();
    client
        .send("POST", path, &headers, body.to_string().as_bytes())
        .unwrap()
}

pub(crate) fn parsed(answer: &HttpAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}
