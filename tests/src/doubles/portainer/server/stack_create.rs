//! Creating stacks.

use std::time::Duration;

use serde_json::Value;

use super::Server;
use super::auth::Caller;
use super::deploy::How;
use super::records::{Deployment, Environment, Stack};
use super::stack_update::Change;
use crate::doubles::portainer::payload::Payload;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call, percent_encoded};

/// Between the look for a name and the record: as long as a real guest takes to answer.
pub(super) const CHECK_WINDOW: Duration = Duration::from_millis(30);

impl Server {
    pub(super) async fn create_stack(
        &self,
        call: &Call,
        caller: Caller,
        (kind, source): (&str, &str),
    ) -> Result<Answer, Refusal> {
        let kind = match kind {
            "swarm" => 1,
            "standalone" => 2,
            _ => {
                return Err(Refusal::new(
                    400,
                    "Invalid value for query parameter: type. Value must be one of: 1 (Swarm stack) \
                     or 2 (Compose stack)",
                    "Invalid query parameter",
                ));
            }
        };
        let one = self.known_environment(endpoint_id(call)?)?;
        if source != "string" {
            return Err(Refusal::new(
                400,
                "Invalid value for query parameter: method. Value must be one of: string, repository or file",
                "Invalid query parameter",
            ));
        }
        let payload = Payload::of(&call.body)?;
        let mut stack = self.new_stack(&payload, kind, one.id)?;
        stack.created_by = self.user_name(caller);
        let file = payload.text("StackFileContent")?;
        self.check_name(&one, &stack).await?;
        stack.id = self.database.write(|tables| tables.next_id("stacks"));
        self.write_stack_files(&stack, &file)?;
        let how = How {
            pull: stack.is_swarm(),
            prune: false,
        };
        let change = Change {
            one,
            stack,
            file,
            how,
            before: None,
        };
        if self.options.version.is_asynchronous() {
            return Ok(self.create_later(change));
        }
        self.create_now(&change).await
    }

    fn new_stack(&self, payload: &Payload, kind: i64, endpoint: i64) -> Result<Stack, Refusal> {
        let name = payload.text("Name")?;
        if name.is_empty() {
            return Err(Refusal::payload("invalid stack name"));
        }
        let swarm_id = payload.text("SwarmID")?;
        if kind == 1 && swarm_id.is_empty() {
            return Err(Refusal::payload("invalid Swarm ID"));
        }
        if payload.text("StackFileContent")?.is_empty() {
            return Err(Refusal::payload("invalid stack file content"));
        }
        Ok(Stack {
            id: 0,
            name: normalised(&name),
            kind,
            endpoint_id: endpoint,
            swarm_id: if kind == 1 { swarm_id } else { String::new() },
            env: payload.get("Env").cloned().unwrap_or(Value::Null),
            status: 1,
            deployment: Vec::new(),
            status_before: 0,
            prune: None,
            created: self.clock.unix(),
            created_by: String::new(),
            updated: 0,
            updated_by: String::new(),
        })
    }

    /// Refuses a name that is taken, in the database or in the guest.
    pub(super) async fn check_name(&self, one: &Environment, stack: &Stack) -> Result<(), Refusal> {
        // Looked at before the guest is: no transaction holds the name meanwhile.
        let homes: Vec<i64> = self.database.read(|tables| {
            let named = tables.stacks.iter().filter(|other| {
                other.id != stack.id && other.name.eq_ignore_ascii_case(&stack.name)
            });
            named.map(|other| other.endpoint_id).collect()
        });
        tokio::time::sleep(CHECK_WINDOW).await;
        let running = self.is_running(one, stack).await;
        let running = running
            .map_err(|wrong| Refusal::new(500, "Unable to check for name collision", &wrong))?;
        let is_elsewhere = self.options.version.refuses_name_of_other_environment()
            && running
            && !homes.is_empty();
        if homes.contains(&one.id) || is_elsewhere || (stack.is_swarm() && running) {
            let text = format!(
                "A stack with the normalized name '{}' already exists",
                stack.name
            );
            return Err(Refusal::same(409, &text));
        }
        Ok(())
    }

    /// Whether the guest has containers or services under this name.
    pub(super) async fn is_running(
        &self,
        one: &Environment,
        stack: &Stack,
    ) -> Result<bool, String> {
        let (path, label) = if stack.is_swarm() {
            ("/services?", "com.docker.stack.namespace")
        } else {
            ("/containers/json?all=1&", "com.docker.compose.project")
        };
        let filter = format!("{{\"label\":[\"{label}={}\"]}}", stack.name);
        let path = format!("{path}filters={}", percent_encoded(&filter));
        let listed = self.look(one, &path).await?;
        Ok(listed.as_array().is_some_and(|list| !list.is_empty()))
    }

    /// The answer is the deployment's end; a failure leaves no record.
    async fn create_now(&self, change: &Change) -> Result<Answer, Refusal> {
        let stack = &change.stack;
        let deployed = {
            let _one_at_a_time = self.deploying.lock().await;
            let deployed = self.bring_up(change).await;
            if deployed.is_err() && !stack.is_swarm() {
                // What a failed create started is taken down; its own error counts.
                let _ = self.take_down(&change.one, stack).await;
            }
            deployed
        };
        if let Err(wrong) = deployed {
            self.remove_stack_files(stack.id);
            return Err(deploy_refused(stack.is_swarm(), &wrong));
        }
        self.store_new(stack);
        Ok(wire::json(200, &self.shown_stack(stack, true)))
    }

    /// The answer comes first; the record tells how it ended.
    fn create_later(&self, mut change: Change) -> Answer {
        change.stack.status = 3;
        change.stack.deployment = vec![Deployment::new(3, self.clock.unix())];
        self.store_new(&change.stack);
        let answer = wire::json(200, &self.shown_stack(&change.stack, true));
        self.deploy_later(change);
        answer
    }

    fn store_new(&self, stack: &Stack) {
        self.database.write(|tables| {
            // Ids are given in the order of the requests, the list is in the order of the ids.
            let at = tables.stacks.partition_point(|other| other.id < stack.id);
            tables.stacks.insert(at, stack.clone());
            tables.ensure_control(&stack.resource_id(), 6, None);
        });
    }
}

/// As Portainer says that a deployment failed.
pub(super) fn deploy_refused(is_swarm: bool, wrong: &str) -> Refusal {
    if is_swarm {
        return Refusal::same(500, wrong);
    }
    Refusal::same(500, &format!("failed to deploy a stack: {wrong}"))
}

/// Lower case; what is neither letter, digit, `-` nor `_` is removed.
fn normalised(name: &str) -> String {
    let good = |letter: &char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(*letter)
    };
    name.to_lowercase().chars().filter(good).collect()
}

/// The query parameter that nearly every call on stacks must have.
pub(super) fn endpoint_id(call: &Call) -> Result<i64, Refusal> {
    let message = "Invalid query parameter: endpointId";
    let text = call.parameter("endpointId");
    let text = text.ok_or_else(|| Refusal::new(400, message, "Missing query parameter"))?;
    text.parse().map_err(|_| {
        let details = format!("strconv.Atoi: parsing \"{text}\": invalid syntax");
        Refusal::new(400, message, &details)
    })
}
