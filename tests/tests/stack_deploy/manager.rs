//! A light guest that manages a Swarm of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use phoenix_common::secret::Secret;
use phoenix_common::spec::{
    Compat, ComposeText, DroppedKeys, OnFailure, PlacementSpec, ResolveImage, Rotate, StackFile,
    StackSpec,
};
use phoenix_common::wire::{Progress, StackPlan, WorkReport};
use phoenix_guest_agent::docker::engine::Engine;
use phoenix_guest_agent::stack::{self, StackError};
use phoenix_tests::lab::{Guest, Lab, LabSpec, Suite};

/// The lab's web image under the registry's address.
pub(crate) const IMAGE: &str = "192.168.77.254:5000/web:1";

pub(crate) struct Manager {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
    engine: Engine,
}

impl Manager {
    pub(crate) fn up(suite: Suite) -> Option<Self> {
        let lab = Lab::for_test(&LabSpec::new().guest(1001, suite).image("web:1"))?;
        let guest = lab.guest(1001);
        guest
            .docker("swarm init --advertise-addr 192.168.77.11 --default-addr-pool 10.200.0.0/16")
            .unwrap();
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

    pub(crate) fn plan(&self, spec: &StackSpec) -> Result<StackPlan, StackError> {
        self.runtime.block_on(stack::plan(&self.engine, spec))
    }

    /// The outcome and what was said on the way.
    pub(crate) fn deploy(&self, spec: &StackSpec) -> (Result<WorkReport, StackError>, Vec<String>) {
        let mut lines = Vec::new();
        let mut said =
            |progress: Progress| lines.push(format!("{}: {}", progress.step, progress.message));
        let report = self
            .runtime
            .block_on(stack::deploy(&self.engine, spec, &mut said));
        (report, lines)
    }

    /// A deploy whose process dies right after its `writes`th write: in the middle of the next call.
    pub(crate) fn deploy_and_die(&self, spec: &StackSpec, writes: usize) {
        let (dies, death) = tokio::sync::oneshot::channel();
        let mut dies = Some(dies);
        let mut left = writes;
        let mut said = |progress: Progress| {
            if progress.message == "created" {
                left -= 1;
                if left == 0 {
                    dies.take().unwrap().send(()).unwrap();
                }
            }
        };
        let deploy = stack::deploy(&self.engine, spec, &mut said);
        let died = self.runtime.block_on(async {
            tokio::select! { biased; _ = death => true, _ = deploy => false }
        });
        assert!(died, "it ended before its write number {writes}");
    }

    pub(crate) fn remove(&self, namespace: &str) -> Result<WorkReport, StackError> {
        let mut said = |_: Progress| {};
        self.runtime
            .block_on(stack::remove(&self.engine, namespace, 60, &mut said))
    }

    pub(crate) fn docker(&self, words: &str) -> String {
        self.guest().docker(words).unwrap()
    }

    /// What came over the socket and could change something, but for the set-up.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut writes = self.guest().docker_writes();
        writes.retain(|line| !line.contains("/swarm/init"));
        writes
    }

    pub(crate) fn versions(&self) -> BTreeMap<String, u64> {
        let status = self
            .runtime
            .block_on(stack::status(&self.engine, "dev1_shop"))
            .unwrap();
        status
            .services
            .into_iter()
            .map(|service| (service.name, service.version))
            .collect()
    }

    /// The version indexes of the stack's configs, secrets and services.
    pub(crate) fn object_versions(&self) -> Vec<String> {
        let list = |kind: &str| {
            let ids = self.docker(&format!("{kind} ls -q"));
            let format = "{{.Spec.Name}}={{.Version.Index}}";
            self.docker(&format!("{kind} inspect --format {format} {ids}"))
        };
        ["config", "secret", "service"].map(list).to_vec()
    }

    /// The body of `http://<guest>:<port and path>`; a task may still be starting.
    pub(crate) fn get(&self, port_and_path: &str) -> String {
        let url = format!("{}:{port_and_path}", self.guest().address());
        let mut body = String::new();
        let answers = || match self.lab.http_get(&url) {
            Ok(answer) if answer.status == 200 => {
                answer.text().trim().clone_into(&mut body);
                Ok(None)
            }
            Ok(answer) => Ok(Some(answer.status.to_string())),
            Err(error) => Ok(Some(error.to_string())),
        };
        self.guest()
            .wait(&url, Duration::from_secs(10), answers)
            .unwrap();
        body
    }

    /// Everything that carries the stack's label.
    pub(crate) fn left_of(&self, namespace: &str) -> String {
        let filter = format!("--filter label=com.docker.stack.namespace={namespace}");
        [
            "service ls -q",
            "network ls -q",
            "config ls -q",
            "secret ls -q",
            "ps -aq",
        ]
        .map(|list| self.docker(&format!("{list} {filter}")))
        .concat()
    }
}

pub(crate) fn files(files: &[(&str, &str)]) -> Vec<StackFile> {
    files
        .iter()
        .map(|(name, content)| StackFile {
            name: (*name).to_owned(),
            content_base64: base64::engine::general_purpose::STANDARD.encode(content),
        })
        .collect()
}

pub(crate) fn set(spec: &mut StackSpec, variable: &str, value: &str) {
    spec.variables
        .insert(variable.to_owned(), Secret::new(value));
}

/// A stack with the variables the tests' compose files use.
pub(crate) fn spec(namespace: &str, compose: &str) -> StackSpec {
    let variables = [
        ("IMAGE", IMAGE),
        ("VERSION", "1"),
        ("PASSWORD", "canary-password"),
    ];
    StackSpec {
        namespace: namespace.to_owned(),
        compose: ComposeText {
            path: "compose.yml".to_owned(),
            text: compose.to_owned(),
        },
        variables: variables
            .map(|(name, value)| (name.to_owned(), Secret::new(value)))
            .into(),
        files: Vec::new(),
        placement: PlacementSpec::default(),
        compat: Compat::Extended,
        resolve_image: ResolveImage::Changed,
        on_failure: OnFailure::None,
        rotate: Rotate::On,
        dropped_keys: DroppedKeys::Warning,
        registries: Vec::new(),
        pinned_to: None,
        wait_seconds: 60,
    }
}
