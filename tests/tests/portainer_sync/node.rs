//! A node with two guests on the loopback network: Portainer's server and agent are doubles on the wire, and a QEMU
//! guest agent that answers as `phoenix-guest-agent` would.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use phoenix_common::retry::Deadline;
use phoenix_common::wire::{
    Answer, JobStarted, JobState, JobStatus, Outcome, PROTOCOL_VERSION, PortainerContainer,
    PortainerView, Request, RequestBody, Response, Work, WorkReport,
};
use phoenix_hook::context::Context;
use phoenix_hook::paths::Paths;
use phoenix_hook::plan::portainer::PortainerPlan;
use phoenix_hook::portainer::credentials::SecretFiles;
use phoenix_hook::progress::Progress;
use phoenix_hook::reconcile::portainer::{PortainerEnding, PortainerOrder, bring};
use phoenix_tests::doubles::portainer::{
    ADMIN_PASSWORD, AgentDouble, MemoryGuest, Options, PortainerDouble,
};
use serde_json::{Value, json};

/// 1001 with the server, 1002 with an agent and stacks.
pub(crate) struct Node {
    pub(crate) root: tempfile::TempDir,
    pub(crate) server: PortainerDouble,
    pub(crate) agent: AgentDouble,
    pub(crate) guest: MemoryGuest,
    /// Kinds of work that guests were given.
    pub(crate) jobs: Arc<Mutex<Vec<&'static str>>>,
    /// What the guest's agent says of the server.
    certificate: Arc<Mutex<String>>,
}

/// Each node has addresses of its own, so that tests run side by side.
fn address(number: u8, host: u8) -> String {
    format!("127.77.{number}.{host}")
}

impl Node {
    pub(crate) fn new(number: u8, version: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let options = Options {
            https: format!("{}:9443", address(number, 1)),
            http: None,
            ..Options::local(version, &data)
        };
        let server = PortainerDouble::with(options).unwrap();
        let guest = MemoryGuest::standalone();
        let agent = AgentDouble::memory(&guest, &format!("{}:9001", address(number, 2))).unwrap();
        let node = Self {
            jobs: Arc::default(),
            certificate: Arc::new(Mutex::new(server.certificate_pem().to_owned())),
            root,
            server,
            agent,
            guest,
        };
        node.write_pve();
        for vmid in [1001, 1002] {
            node.serve_monitor(vmid);
            node.serve_guest(vmid);
        }
        node.configure(number, &[("web", FILE)]);
        let files = SecretFiles::new(&node.paths());
        std::fs::create_dir_all(node.path("etc/phoenix/secrets")).unwrap();
        std::fs::write(files.admin_password_file(), ADMIN_PASSWORD).unwrap();
        files.generate_missing().unwrap();
        node
    }

    /// Stacks of guest 1002, each with its compose file.
    pub(crate) fn configure(&self, number: u8, stacks: &[(&str, &str)]) {
        let references = stacks
            .iter()
            .map(|(name, _)| json!({"name": name, "environment": "production"}));
        let guest = |vmid: u32, name: &str, role: &str, host: u8| {
            json!({"vmid": vmid, "name": name, "portainer_role": role, "features": ["docker"],
                "network_config": {"ip": format!("10.77.{number}.{host}/24")}})
        };
        let mut agent = guest(1002, "app", "agent", 2);
        agent["docker_stacks"] = references.collect();
        self.write_json(
            "etc/phoenix/phoenix_vm_configs.json",
            &json!([guest(1001, "portainer", "primary", 1), agent]),
        );
        let declared: serde_json::Map<String, Value> = stacks
            .iter()
            .map(|(name, _)| {
                let environments = json!({"production": {"variables": [{"name": "MESSAGE", "value": "two words"}]}});
                ((*name).to_owned(), json!({"environments": environments}))
            })
            .collect();
        self.write_json(
            "etc/phoenix/phoenix_stacks_config.json",
            &json!({"stacks": declared}),
        );
        for (name, file) in stacks {
            let path = self.path(&format!("etc/phoenix/stacks/{name}/docker-compose.yml"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
    }

    fn write_json(&self, path: &str, value: &Value) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, value.to_string()).unwrap();
    }

    fn write_pve(&self) {
        let pve = self.path("etc/pve");
        std::fs::create_dir_all(pve.join("nodes/pve1/qemu-server")).unwrap();
        std::os::unix::fs::symlink("nodes/pve1", pve.join("local")).unwrap();
        let guest = json!({"node": "pve1", "type": "qemu", "version": 1});
        let ids = json!({"1001": guest, "1002": guest});
        std::fs::write(
            pve.join(".vmlist"),
            json!({"version": 1, "ids": ids}).to_string(),
        )
        .unwrap();
        for vmid in [1001, 1002] {
            let path = pve.join(format!("nodes/pve1/qemu-server/{vmid}.conf"));
            std::fs::write(path, "agent: 1\n").unwrap();
        }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    fn paths(&self) -> Paths {
        Paths::new(self.root.path())
    }

    pub(crate) fn context(&self) -> Context {
        let mut context = Context::load(&self.paths()).unwrap();
        for guest in context.config.guests.values_mut() {
            let network = guest.network.as_mut().unwrap();
            // A guest never has such an address in a configuration.
            let loopback = network.address.to_string().replacen("10.", "127.", 1);
            network.address = loopback.parse().unwrap();
        }
        context
    }

    /// The server may have made another certificate since.
    pub(crate) fn certificate_is_known(&self) {
        let mut certificate = self.certificate.lock().unwrap();
        self.server.certificate_pem().clone_into(&mut certificate);
    }

    /// One sync of Portainer.
    pub(crate) async fn sync(&self) -> PortainerEnding {
        self.sync_within(Duration::from_mins(1)).await
    }

    pub(crate) async fn sync_within(&self, deadline: Duration) -> PortainerEnding {
        let context = self.context();
        let order = PortainerOrder {
            context: &context,
            desired: context.portainer().unwrap(),
            verb: "test",
            vmid: None,
            progress: &Progress::Silent,
            wait_for_others: false,
            deadline: Deadline::after(deadline),
        };
        bring(&order).await
    }

    /// What a sync would do.
    pub(crate) async fn plan(&self) -> PortainerPlan {
        let context = self.context();
        let desired = context.portainer().unwrap();
        let seen = phoenix_hook::observe::portainer::observe(&context, &desired, &mut None).await;
        phoenix_hook::plan::portainer::plan(&desired, &seen)
    }

    fn socket(&self, name: &str) -> UnixListener {
        let path = self.path("run/qemu-server").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        UnixListener::bind(path).unwrap()
    }

    fn serve_monitor(&self, vmid: u32) {
        let listener = self.socket(&format!("{vmid}.qmp"));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let text =
                    "{\"QMP\": {}}\n{\"return\": {}}\n{\"return\": {\"status\": \"running\"}}\n";
                let _ = stream.write_all(text.as_bytes());
                // Open until who asked has written and read all of it.
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
            }
        });
    }

    fn serve_guest(&self, vmid: u32) {
        let listener = self.socket(&format!("{vmid}.qga"));
        let jobs = Arc::clone(&self.jobs);
        let certificate = Arc::clone(&self.certificate);
        std::thread::spawn(move || {
            // Asked for by another connection than the one that started it.
            let mut outputs = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let mut respond = |body: &_| answer(body, &jobs, &certificate);
                serve(&stream, &mut outputs, &mut respond);
            }
        });
    }
}

pub(crate) const FILE: &str = "services:\n  web:\n    image: busybox:1.36\n    command: [sleep, '3600']\n    restart: always\n    environment: {MESSAGE: \"${MESSAGE}\"}\n";

fn answer(body: &RequestBody, jobs: &Mutex<Vec<&'static str>>, pem: &Mutex<String>) -> Answer {
    match body {
        RequestBody::Portainer(_) => Answer::Portainer(PortainerView {
            server: Some(PortainerContainer {
                name: "portainer".to_owned(),
                image: "portainer/portainer-ce:2.39.6".to_owned(),
                state: "running".to_owned(),
                is_ours: true,
            }),
            certificate: Some(pem.lock().unwrap().clone()),
            ..PortainerView::default()
        }),
        RequestBody::JobStart { work, .. } => {
            jobs.lock().unwrap().push(match &**work {
                Work::PullImages(_) => "pull",
                Work::RemoveOrphans(_) => "orphans",
                _ => "other",
            });
            Answer::JobStart(JobStarted::Started)
        }
        _ => Answer::JobStatus(JobStatus {
            state: JobState::Succeeded(WorkReport::default()),
            progress: Vec::new(),
        }),
    }
}

/// The QEMU guest agent's wire, as far as a question needs it.
fn serve(
    stream: &UnixStream,
    outputs: &mut Vec<String>,
    respond: &mut dyn FnMut(&RequestBody) -> Answer,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return;
        }
        let start = line.iter().position(|byte| *byte != 0xff).unwrap();
        let asked: Value = serde_json::from_slice(&line[start..]).unwrap();
        let arguments = &asked["arguments"];
        let mut reply = Vec::new();
        let value = match asked["execute"].as_str().unwrap() {
            "guest-sync-delimited" => {
                reply.push(0xff);
                arguments["id"].clone()
            }
            "guest-exec" => {
                let input = STANDARD.decode(arguments["input-data"].as_str().unwrap());
                let request: Request = serde_json::from_slice(&input.unwrap()).unwrap();
                let response = Response {
                    protocol: PROTOCOL_VERSION,
                    id: request.id,
                    agent_version: "0.1.0".to_owned(),
                    outcome: Outcome::Ok(Box::new(respond(&request.body))),
                };
                outputs.push(STANDARD.encode(serde_json::to_vec(&response).unwrap()));
                json!({"pid": outputs.len()})
            }
            "guest-exec-status" => {
                let pid = usize::try_from(arguments["pid"].as_u64().unwrap()).unwrap();
                let output = &outputs[pid - 1];
                json!({"exited": true, "exitcode": 0, "out-data": output})
            }
            _ => json!({}),
        };
        reply.extend(
            json!({"return": value, "id": asked["id"]})
                .to_string()
                .bytes(),
        );
        reply.push(b'\n');
        if stream.write_all(&reply).is_err() {
            return;
        }
    }
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
