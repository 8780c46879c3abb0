//! The calls, one function each.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::Call;
use super::error::PortainerError;
use super::session::{QUESTION, Session};
use super::types::{Config, Container, EnvPair, Environment, Service, Stack, StackFile, SwarmInfo};

/// Servers up to 2.40 answer when the deployment has ended.
const DEPLOY: Duration = Duration::from_mins(20);
/// A new environment is looked at by the server before it answers.
const REGISTER: Duration = Duration::from_mins(2);

/// What a stack is created or updated with.
#[derive(Debug, Clone, Copy)]
pub struct StackBody<'stack> {
    pub environment: u64,
    pub file: &'stack str,
    pub env: &'stack [EnvPair],
}

impl Session {
    /// All environments.
    pub async fn environments(&self) -> Result<Vec<Environment>, PortainerError> {
        let path = "/endpoints?excludeSnapshots=true";
        self.answer(get(path)).await
    }

    /// Registers a Docker agent at `url` (`tcp://host:9001`). Its certificate is made anew at each of its starts,
    /// so it cannot be verified: hence the three flags.
    pub async fn create_environment(
        &self,
        name: &str,
        url: &str,
    ) -> Result<Environment, PortainerError> {
        let call = Call::new(Method::POST, "/endpoints", REGISTER).form(&[
            ("Name", name),
            ("EndpointCreationType", "2"),
            ("URL", url),
            ("TLS", "true"),
            ("TLSSkipVerify", "true"),
            ("TLSSkipClientVerify", "true"),
        ]);
        self.answer(call).await
    }

    /// Name, address and TLS of an environment. The server does not look whether somebody answers there.
    pub async fn update_environment(
        &self,
        id: u64,
        name: &str,
        url: &str,
    ) -> Result<Environment, PortainerError> {
        let path = format!("/endpoints/{id}");
        let body = json!({
            "Name": name, "URL": url,
            "TLS": true, "TLSSkipVerify": true, "TLSSkipClientVerify": true,
        });
        self.answer(Call::new(Method::PUT, &path, QUESTION).json(&body))
            .await
    }

    /// Makes the server look at an environment now; it succeeds when that is down, too.
    pub async fn snapshot(&self, id: u64) -> Result<(), PortainerError> {
        let path = format!("/endpoints/{id}/snapshot");
        let call = Call::new(Method::POST, &path, REGISTER);
        self.exchange(call).await.map(drop)
    }

    /// Removes an environment's record; what runs there runs on. One that is gone is fine.
    pub async fn delete_environment(&self, id: u64) -> Result<(), PortainerError> {
        let path = format!("/endpoints/{id}");
        gone(
            self.exchange(Call::new(Method::DELETE, &path, QUESTION))
                .await,
        )
    }

    /// All stacks of all environments.
    pub async fn stacks(&self) -> Result<Vec<Stack>, PortainerError> {
        self.answer(get("/stacks")).await
    }

    pub async fn stack(&self, id: u64) -> Result<Stack, PortainerError> {
        self.answer(get(&format!("/stacks/{id}"))).await
    }

    /// The stored compose file.
    pub async fn stack_file(&self, id: u64) -> Result<String, PortainerError> {
        let file: StackFile = self.answer(get(&format!("/stacks/{id}/file"))).await?;
        Ok(file.stack_file_content)
    }

    /// Creates a stack: with a Swarm's id a Swarm stack, else one of plain compose.
    pub async fn create_stack(
        &self,
        name: &str,
        swarm_id: Option<&str>,
        body: StackBody<'_>,
    ) -> Result<Stack, PortainerError> {
        let kind = swarm_id.map_or("standalone", |_| "swarm");
        let environment = body.environment;
        let path = format!("/stacks/create/{kind}/string?endpointId={environment}");
        let mut content = json!({
            "Name": name, "StackFileContent": body.file, "Env": body.env,
        });
        if let (Some(id), Value::Object(fields)) = (swarm_id, &mut content) {
            fields.insert("SwarmID".to_owned(), id.into());
        }
        self.answer(Call::new(Method::POST, &path, DEPLOY).json(&content))
            .await
    }

    /// Replaces file and variables: variables that are left out would be wiped, another environment would re-home
    /// the stack.
    pub async fn update_stack(
        &self,
        id: u64,
        body: StackBody<'_>,
    ) -> Result<Stack, PortainerError> {
        let path = format!("/stacks/{id}?endpointId={}", body.environment);
        let content = json!({
            "StackFileContent": body.file, "Env": body.env,
            "Prune": true, "RepullImageAndRedeploy": false,
        });
        self.answer(Call::new(Method::PUT, &path, DEPLOY).json(&content))
            .await
    }

    /// Takes a stack down, its volumes stay. One that is gone is fine.
    pub async fn delete_stack(&self, id: u64, environment: u64) -> Result<(), PortainerError> {
        let path = format!("/stacks/{id}?endpointId={environment}");
        gone(
            self.exchange(Call::new(Method::DELETE, &path, DEPLOY))
                .await,
        )
    }

    /// Containers of compose projects, running or not.
    pub async fn compose_containers(
        &self,
        environment: u64,
    ) -> Result<Vec<Container>, PortainerError> {
        let filter = filter(&json!({"label": ["com.docker.compose.project"]}));
        let path =
            format!("/endpoints/{environment}/docker/containers/json?all=1&filters={filter}");
        self.answer(get(&path)).await
    }

    /// Services of stacks of a Swarm.
    pub async fn stack_services(&self, environment: u64) -> Result<Vec<Service>, PortainerError> {
        let filter = filter(&json!({"label": ["com.docker.stack.namespace"]}));
        let path = format!("/endpoints/{environment}/docker/services?status=true&filters={filter}");
        self.answer(get(&path)).await
    }

    /// The id of the Swarm that an environment stands for.
    pub async fn swarm_id(&self, environment: u64) -> Result<String, PortainerError> {
        let path = format!("/endpoints/{environment}/docker/swarm");
        let swarm: SwarmInfo = self.answer(get(&path)).await?;
        Ok(swarm.id)
    }

    /// Configs of a Swarm.
    pub async fn configs(&self, environment: u64) -> Result<Vec<Config>, PortainerError> {
        self.answer(get(&format!("/endpoints/{environment}/docker/configs")))
            .await
    }

    /// Makes a config; one of that name that is there already is fine, since names carry their content's digest.
    pub async fn create_config(
        &self,
        environment: u64,
        name: &str,
        content_base64: &str,
        labels: &Value,
    ) -> Result<(), PortainerError> {
        let path = format!("/endpoints/{environment}/docker/configs/create");
        let body = json!({"Name": name, "Data": content_base64, "Labels": labels});
        let call = Call::new(Method::POST, &path, QUESTION).json(&body);
        match self.exchange(call).await {
            Err(error) if error.status() == Some(409) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Removes a config; one that is gone is fine.
    pub async fn delete_config(&self, environment: u64, id: &str) -> Result<(), PortainerError> {
        let path = format!("/endpoints/{environment}/docker/configs/{id}");
        gone(
            self.exchange(Call::new(Method::DELETE, &path, QUESTION))
                .await,
        )
    }
}

fn get(path: &str) -> Call<'_> {
    Call::new(Method::GET, path, QUESTION)
}

fn gone(result: Result<Vec<u8>, PortainerError>) -> Result<(), PortainerError> {
    match result {
        Err(error) if error.status() == Some(404) => Ok(()),
        result => result.map(drop),
    }
}

/// Docker's filters as a query value: JSON, percent-encoded.
fn filter(value: &Value) -> String {
    use std::fmt::Write;
    let text = value.to_string();
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
