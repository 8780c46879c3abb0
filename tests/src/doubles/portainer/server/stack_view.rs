//! Reading stacks.

use std::fs;

use serde_json::{Value, json};

use super::Server;
use super::proxy::shown_control;
use super::records::Stack;
use crate::doubles::portainer::payload;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call};

const NO_STACK: &str = "Unable to find a stack with the specified identifier inside the database";

impl Server {
    pub(super) fn known_stack(&self, id: i64) -> Result<Stack, Refusal> {
        let found = self.database.read(|tables| tables.stack(id).cloned());
        found.ok_or_else(|| Refusal::missing(NO_STACK, "stacks", id))
    }

    pub(super) fn stacks(&self, call: &Call) -> Result<Answer, Refusal> {
        let text = call.parameter("filters").unwrap_or_else(|| "{}".to_owned());
        let filters: Value = serde_json::from_str(&text).map_err(|_| {
            let details = payload::invalid(&text);
            Refusal::new(400, "Invalid query parameter: filters", &details)
        })?;
        let endpoint = filters["EndpointID"].as_i64().filter(|id| *id != 0);
        let swarm = filters["SwarmID"].as_str().filter(|id| !id.is_empty());
        let wanted = |stack: &Stack| match (endpoint, swarm) {
            (None, None) => true,
            // Swarm stacks are found by their Swarm's id alone.
            (Some(id), _) if !stack.is_swarm() => stack.endpoint_id == id,
            (_, Some(id)) if stack.is_swarm() => stack.swarm_id == id,
            _ => false,
        };
        let all = self.database.read(|tables| tables.stacks.clone());
        let listed = all.iter().filter(|stack| wanted(stack));
        let listed = listed.map(|stack| self.shown_stack(stack, true));
        Ok(wire::json(200, &listed.collect()))
    }

    pub(super) fn show_stack(&self, id: i64) -> Result<Answer, Refusal> {
        let stack = self.known_stack(id)?;
        let endpoint = stack.endpoint_id;
        let has_home = self
            .database
            .read(|tables| tables.environment(endpoint).is_some());
        Ok(wire::json(200, &self.shown_stack(&stack, has_home)))
    }

    pub(super) fn stack_file(&self, id: i64) -> Result<Answer, Refusal> {
        self.known_stack(id)?;
        let path = self.stack_file_path(id);
        let text = fs::read_to_string(&path).map_err(|error| {
            let details = format!("open {}: {error}", path.display());
            Refusal::new(500, "Unable to retrieve Compose file from disk", &details)
        })?;
        Ok(wire::json(200, &json!({"StackFileContent": text})))
    }

    pub(super) fn shown_stack(&self, stack: &Stack, with_control: bool) -> Value {
        let control = self.database.read(|tables| {
            let found = tables.control(&stack.resource_id());
            found.filter(|_| with_control).map(shown_control)
        });
        let option = stack
            .prune
            .map(|prune| json!({"Prune": prune, "HelmAtomic": false}));
        let mut value = json!({
            "Id": stack.id, "Name": stack.name, "Type": stack.kind, "EndpointId": stack.endpoint_id,
            "SwarmId": stack.swarm_id, "EntryPoint": "docker-compose.yml", "Env": stack.env,
            "ResourceControl": control, "Status": stack.status,
            "ProjectPath": self.stack_folder(stack.id), "CreationDate": stack.created,
            "CreatedBy": stack.created_by, "UpdateDate": stack.updated,
            "UpdatedBy": stack.updated_by, "AdditionalFiles": null, "AutoUpdate": null,
            "Option": option, "GitConfig": null, "FromAppTemplate": false, "Namespace": "",
        });
        if let (true, Some(fields)) = (
            self.options.version.is_asynchronous(),
            value.as_object_mut(),
        ) {
            let lines = stack.deployment.iter().map(|line| {
                let mut shown = json!({"Status": line.status, "Time": line.time});
                if !line.message.is_empty() {
                    shown["Message"] = json!(line.message);
                }
                shown
            });
            fields.insert(
                "DeploymentStartStatus".to_owned(),
                json!(stack.status_before),
            );
            if !stack.deployment.is_empty() {
                fields.insert("DeploymentStatus".to_owned(), lines.collect());
            }
        }
        value
    }
}
