//! A manager as far as the stack engine sees one: objects by kind, a task per service.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::fake_engine::{Received, Says};

const STACK_LABEL: &str = "com.docker.stack.namespace";

#[derive(Default)]
pub struct FakeSwarm {
    /// By collection (`services`), as the engine answers them.
    pub objects: BTreeMap<&'static str, Vec<Value>>,
    /// State and error of a service's task; running where nothing is said.
    pub task_states: BTreeMap<String, (&'static str, &'static str)>,
    /// Tasks on top, such as those of a node that is down.
    pub tasks: Vec<Value>,
    /// As the engine lists them.
    pub volumes: Vec<Value>,
    /// Names of those a container holds.
    pub held_volumes: BTreeSet<String>,
    /// Without the second node.
    pub is_alone: bool,
    made: u64,
}

impl FakeSwarm {
    pub fn add(&mut self, collection: &'static str, spec: Value) {
        self.made += 1;
        let id = format!("{collection}{}", self.made);
        let object = if collection == "networks" {
            let mut network = spec;
            network["Id"] = json!(id);
            network["Scope"] = json!("swarm");
            network
        } else {
            json!({"ID": id, "Version": {"Index": self.made}, "Spec": spec})
        };
        self.objects.entry(collection).or_default().push(object);
    }

    pub fn answer(&mut self, request: &Received) -> Says {
        let call = request.call();
        let words: Vec<&str> = call
            .split([' ', '/'])
            .filter(|word| !word.is_empty())
            .collect();
        let ok = |value: Value| Says::Json(200, value);
        match words[..] {
            ["GET", "info"] => ok(json!({"Swarm": {"ControlAvailable": true, "NodeID": "n1"}})),
            ["GET", "containers", "json"] => ok(json!([])),
            ["GET", "nodes"] => ok(json!(self.nodes())),
            ["GET", "tasks"] => ok(json!(self.all_tasks())),
            ["GET", "volumes"] => ok(json!({"Volumes": self.volumes})),
            ["DELETE", "volumes", name] if self.held_volumes.contains(name) => {
                Says::error(409, "remove x: volume is in use - [c1]")
            }
            ["DELETE", "volumes", name] => {
                self.volumes.retain(|volume| volume["Name"] != name);
                ok(Value::Null)
            }
            ["GET", kind] => ok(json!(self.listed(kind, request.path.contains("label")))),
            ["GET", "distribution", ..] => {
                ok(json!({"Descriptor": {"digest": format!("sha256:{}", "9".repeat(64))}}))
            }
            ["GET", kind, id] => match self.find(kind, id) {
                Some(object) => ok(told(kind, object)),
                None => Says::error(404, "not found"),
            },
            ["POST", kind, "create"] => self.create(kind, &request.body),
            ["POST", kind, id, "update"] => self.update(kind, id, request),
            ["DELETE", kind, id] => {
                let objects = self.objects.values_mut();
                objects.for_each(|objects| objects.retain(|object| id_of(object) != id));
                let _ = kind;
                ok(Value::Null)
            }
            _ => Says::error(404, &call),
        }
    }

    fn create(&mut self, kind: &str, spec: &Value) -> Says {
        let kinds = ["services", "networks", "configs", "secrets"];
        let kind = kinds.into_iter().find(|known| *known == kind).unwrap();
        let name = spec["Name"].as_str().unwrap().to_owned();
        if self.find(kind, &name).is_some() {
            return Says::error(409, "name conflicts with an existing object");
        }
        self.add(kind, spec.clone());
        let made = id_of(self.objects[kind].last().unwrap()).to_owned();
        Says::Json(201, json!({"ID": made, "Id": made}))
    }

    fn nodes(&self) -> Vec<Value> {
        let two = json!({"ID": "n2", "Description": {"Hostname": "two"}, "Status": {"State": "down"},
            "Spec": {"Labels": {"phoenix.vmid": "1002"}}});
        let one =
            json!({"ID": "n1", "Description": {"Hostname": "one"}, "Status": {"State": "ready"}});
        if self.is_alone {
            vec![one]
        } else {
            vec![one, two]
        }
    }

    /// In swarmkit's order: contents of configs and secrets are compared before versions.
    fn update(&mut self, kind: &str, id: &str, request: &Received) -> Says {
        self.made += 1;
        let made = self.made;
        let Some(object) = self.find(kind, id) else {
            return Says::error(404, "not found");
        };
        let (old, new) = (&object["Spec"], &request.body);
        if kind != "services" && (old["Name"] != new["Name"] || old["Data"] != new["Data"]) {
            return Says::error(400, "rpc error: only updates to Labels are allowed");
        }
        let version = request.path.split("version=").nth(1);
        if version != Some(object["Version"]["Index"].to_string().as_str()) {
            return Says::error(
                500,
                "rpc error: code = Unknown desc = update out of sequence",
            );
        }
        object["Spec"] = new.clone();
        object["Version"]["Index"] = json!(made);
        Says::Json(200, Value::Null)
    }

    fn listed(&self, kind: &str, of_stack: bool) -> Vec<Value> {
        let objects = self.objects.get(kind).into_iter().flatten();
        let ours =
            |object: &&Value| !of_stack || spec_of(object)["Labels"][STACK_LABEL] == "dev1_shop";
        objects
            .filter(ours)
            .map(|object| told(kind, object))
            .collect()
    }

    fn find(&mut self, kind: &str, id: &str) -> Option<&mut Value> {
        let objects = self.objects.get_mut(kind)?;
        objects
            .iter_mut()
            .find(|object| id_of(object) == id || spec_of(object)["Name"] == id)
    }

    fn all_tasks(&self) -> Vec<Value> {
        let services = self.objects.get("services").into_iter().flatten();
        let own = services.map(|service| {
            let name = service["Spec"]["Name"].as_str().unwrap();
            let (state, error) = self
                .task_states
                .get(name)
                .copied()
                .unwrap_or(("running", ""));
            json!({"ServiceID": service["ID"], "Slot": 1, "NodeID": "n1", "DesiredState": "running",
                "Status": {"State": state, "Err": error, "Timestamp": "2026-01-01T00:00:00Z"}})
        });
        own.chain(self.tasks.iter().cloned()).collect()
    }
}

/// The content of a secret is never told.
fn told(kind: &str, object: &Value) -> Value {
    let mut object = object.clone();
    if kind == "secrets"
        && let Some(spec) = object["Spec"].as_object_mut()
    {
        spec.remove("Data");
    }
    object
}

fn id_of(object: &Value) -> &str {
    ["ID", "Id"]
        .iter()
        .find_map(|key| object[*key].as_str())
        .unwrap_or_default()
}

fn spec_of(object: &Value) -> &Value {
    object.get("Spec").unwrap_or(object)
}
