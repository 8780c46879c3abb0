//! What the server's database holds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) salt: String,
    pub(super) digest: String,
    /// Made from a password file shorter than the rules: must be changed.
    pub(super) is_short: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ApiKey {
    pub(super) id: i64,
    pub(super) user_id: i64,
    pub(super) description: String,
    pub(super) prefix: String,
    pub(super) created: u64,
    pub(super) last_used: u64,
    pub(super) digest: String,
}

/// An environment, called endpoint in the API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Environment {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) kind: i64,
    pub(super) url: String,
    pub(super) public_url: String,
    pub(super) group_id: i64,
    pub(super) tag_ids: Vec<i64>,
    /// 1 up, 2 down.
    pub(super) status: i64,
    pub(super) tls: bool,
    pub(super) tls_skip_verify: bool,
    pub(super) agent_version: String,
    /// The agent has no engine behind it.
    pub(super) is_memory: bool,
    pub(super) snapshot: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stack {
    pub(super) id: i64,
    pub(super) name: String,
    /// 1 swarm, 2 compose.
    pub(super) kind: i64,
    pub(super) endpoint_id: i64,
    pub(super) swarm_id: String,
    pub(super) env: Value,
    /// 1 active, 2 inactive, 3 deploying, 4 error.
    pub(super) status: i64,
    pub(super) deployment: Vec<Deployment>,
    pub(super) status_before: i64,
    pub(super) prune: Option<bool>,
    pub(super) created: u64,
    pub(super) created_by: String,
    pub(super) updated: u64,
    pub(super) updated_by: String,
}

impl Stack {
    pub(super) fn is_swarm(&self) -> bool {
        self.kind == 1
    }

    pub(super) fn resource_id(&self) -> String {
        format!("{}_{}", self.endpoint_id, self.name)
    }

    /// compose names a project without a name after the stack's folder.
    pub(super) fn project(&self) -> String {
        if self.name.is_empty() {
            return self.id.to_string();
        }
        self.name.clone()
    }

    /// Names and values of Env.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let list = self.env.as_array().cloned().unwrap_or_default();
        let text = |pair: &Value, key: &str| {
            let found = pair.get(key).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        list.iter()
            .map(|pair| (text(pair, "name"), text(pair, "value")))
            .collect()
    }
}

impl Deployment {
    pub(super) fn new(status: i64, time: u64) -> Self {
        Self {
            status,
            time,
            message: String::new(),
        }
    }
}

/// One line of `DeploymentStatus`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub(super) status: i64,
    pub(super) time: u64,
    pub(super) message: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) id: i64,
    pub(super) name: String,
}

/// Who may use an object: `resource_id` names it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ResourceControl {
    pub(super) id: i64,
    pub(super) resource_id: String,
    pub(super) kind: i64,
    pub(super) user_id: Option<i64>,
}
