//! The engine both deploy to, and what it holds.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_guest_agent::docker::engine::{Engine, percent_encode};
use phoenix_tests::lab::{Guest, Lab, LabSpec, Ran, Suite, program};
use serde_json::{Value, json};

use super::case::Case;

pub(crate) const AGENT: &str = "/usr/bin/phoenix-guest-agent";

pub(crate) struct Swarm {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
    engine: Engine,
}

/// The tasks of a stack, and what they are made from.
pub(crate) struct Tasks {
    /// By service.
    pub(crate) templates: BTreeMap<String, Value>,
    /// But for jobs, which every update runs again.
    pub(crate) ids: BTreeSet<String>,
}

impl Swarm {
    pub(crate) fn up() -> Option<Self> {
        let spec = LabSpec::new().guest(1001, Suite::Trixie).image("web:1");
        let lab = Lab::for_test(&spec)?;
        let guest = lab.guest(1001);
        guest
            .docker("swarm init --advertise-addr 192.168.77.11 --default-addr-pool 10.200.0.0/16")
            .unwrap();
        let agent = std::fs::read(program("phoenix-guest-agent").unwrap()).unwrap();
        guest.write(AGENT, agent, 0o755).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let socket = guest.path("/run/docker.sock").unwrap();
        let engine = runtime.block_on(Engine::connect(&socket)).unwrap();
        Some(Self {
            lab,
            runtime,
            engine,
        })
    }

    pub(crate) fn guest(&self) -> Guest {
        self.lab.guest(1001)
    }

    pub(crate) fn docker(&self, words: &str) -> String {
        self.guest().docker(words).unwrap()
    }

    fn get(&self, path: &str) -> Vec<Value> {
        let answer = self.runtime.block_on(self.engine.get(path)).unwrap();
        answer.as_array().unwrap().clone()
    }

    fn post(&self, path: &str, body: &Value) {
        let sent = self.runtime.block_on(self.engine.post(path, body, &[]));
        sent.unwrap_or_else(|error| panic!("{path} {body}: {error}"));
    }

    /// The case's files and what must exist beforehand.
    pub(crate) fn provide(&self, case: &Case) {
        let guest = self.guest();
        guest
            .sh(&format!("rm -rf {0}; mkdir -p {0}", case.workdir))
            .unwrap();
        for (name, content) in case.input() {
            let path = format!("{}/{name}", case.workdir);
            guest.write(&path, content, 0o644).unwrap();
        }
        for (kind, name) in externals(case) {
            let body = match kind {
                "networks" => json!({"Name": name, "Driver": "overlay", "Attachable": true}),
                _ => json!({"Name": name, "Labels": {}, "Data": "eA=="}),
            };
            self.post(&format!("/{kind}/create"), &body);
        }
    }

    pub(crate) fn take_back(&self, case: &Case) {
        for (kind, name) in externals(case) {
            let path = format!("/{kind}/{name}");
            self.runtime.block_on(self.engine.delete(&path)).unwrap();
        }
    }

    /// A program in the case's folder with the case's variables and no others.
    pub(crate) fn run_in_case(&self, case: &Case, words: &[&str]) -> Ran {
        let variables = case.environment.iter();
        let variables: Vec<String> = variables
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let script = "cd \"$0\" && exec env -i \"$@\"";
        let mut argv = vec!["/bin/sh", "-c", script, &case.workdir];
        argv.extend(variables.iter().map(String::as_str));
        argv.extend(words);
        self.guest().run(&argv).unwrap()
    }

    /// By us, which is done when it is gone.
    pub(crate) fn remove(&self, stack: &str) {
        let ran = self.guest().run(&[AGENT, "stack", "rm", stack]).unwrap();
        assert!(ran.success(), "{stack}: {}", ran.stderr);
    }

    pub(crate) fn tasks(&self, stack: &str) -> Tasks {
        let filter = json!({"label": [format!("com.docker.stack.namespace={stack}")]});
        let mut templates = BTreeMap::new();
        let mut jobs = BTreeSet::new();
        for service in self.get(&format!(
            "/services?filters={}",
            percent_encode(&filter.to_string())
        )) {
            let name = service["Spec"]["Name"].as_str().unwrap().to_owned();
            let mode = service["Spec"]["Mode"].as_object().unwrap();
            if mode.keys().any(|mode| mode.ends_with("Job")) {
                jobs.insert(service["ID"].clone().to_string());
            }
            templates.insert(name, service["Spec"]["TaskTemplate"].clone());
        }
        let tasks = self.get("/tasks").into_iter();
        let ids = tasks
            .filter(|task| !jobs.contains(&task["ServiceID"].to_string()))
            .map(|task| task["ID"].to_string())
            .collect();
        Tasks { templates, ids }
    }

    /// Of configs and secrets, which the engine never writes by itself.
    pub(crate) fn object_versions(&self) -> BTreeMap<String, Value> {
        ["configs", "secrets"]
            .into_iter()
            .flat_map(|kind| self.get(&format!("/{kind}")))
            .map(|object| (object["ID"].to_string(), object["Version"].clone()))
            .collect()
    }

    /// Requests that ask for a change. Whether a secret's content is still the same is asked by an update of
    /// a version that nothing has: the engine must refuse it.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut writes = self.guest().docker_writes();
        writes.retain(|line| !(line.contains("/secrets/") && line.ends_with("/update?version=0")));
        writes
    }
}

fn externals(case: &Case) -> impl Iterator<Item = (&str, &str)> {
    let kinds = case.externals.iter();
    kinds.flat_map(|(kind, names)| names.iter().map(move |name| (kind.as_str(), name.as_str())))
}
