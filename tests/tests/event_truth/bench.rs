//! The node with its guests, and what Phoenix did to them.

use std::time::{Duration, Instant};

use phoenix_tests::lab::Suite::Bookworm;
use phoenix_tests::lab::{AgentDouble, Guest, GuestSpec, Lab, LabSpec, NodeSpec, Ran, packages};
use serde_json::{Value, json};

use crate::rows::{Before, Row};

/// Everything together; generous, for machines with other work.
const SETTLE_LIMIT: Duration = Duration::from_mins(3);
/// How long it is watched that nothing happens.
const MOMENT: Duration = Duration::from_secs(2);

const PLAYED: AgentDouble = AgentDouble { answers: true };

pub(crate) struct Bench(Lab);

/// What can be seen of a guest and of what was done to it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Questions to its agent.
    pub(crate) questions: usize,
    pub(crate) record: Value,
    /// Finished and waiting events, oldest first: phase and class.
    events: Vec<(String, String)>,
}

impl Seen {
    /// Phases of the hook calls since `before`.
    pub(crate) fn calls_since(&self, before: &Self) -> Vec<&str> {
        let new = self.events.iter().skip(before.events.len());
        let phases = new.map(|(phase, _)| phase.as_str());
        // What Phoenix asks itself is no call of Proxmox.
        phases.filter(|phase| *phase != "reconcile").collect()
    }

    pub(crate) fn classes_since(&self, before: &Self) -> Vec<&str> {
        let new = self.events.iter().skip(before.events.len());
        new.map(|(_, class)| class.as_str()).collect()
    }
}

impl Bench {
    /// Guests that are only played, and real ones; all off, all registered.
    pub(crate) fn up(played: &[u32], real: &[u32]) -> Option<Self> {
        let Some(package) = packages("phoenix-hook").pop() else {
            panic!("no package: make deb-lab, and set PHOENIX_DEB_DIR");
        };
        let mut spec = LabSpec::new().node(NodeSpec::new().package(package));
        for vmid in played {
            let guest = GuestSpec::new(*vmid, Bookworm).played(PLAYED).hooked();
            let disk = format!("scsi0: local:{vmid}/vm-{vmid}-disk-0.qcow2,size=1G");
            spec = spec.guest_with(guest.config(&disk));
        }
        for vmid in real {
            spec = spec.guest_with(GuestSpec::new(*vmid, Bookworm).stopped().hooked());
        }
        let bench = Self(Lab::for_test(&spec)?);
        let guests = played
            .iter()
            .map(|vmid| json!({"vmid": vmid, "name": format!("vm{vmid}")}));
        let real = real.iter().map(|vmid| {
            json!({"vmid": vmid, "name": format!("vm{vmid}"),
            "features": ["docker"]})
        });
        let config = json!({"version": 1, "vms": guests.chain(real).collect::<Vec<_>>()});
        let node = bench.0.node();
        node.write(
            "/etc/phoenix/phoenix_vm_configs.json",
            config.to_string(),
            0o600,
        )
        .unwrap();
        node.sh("phoenix validate").unwrap();
        Some(bench)
    }

    pub(crate) fn guest(&self, vmid: u32) -> Guest {
        self.0.guest(vmid)
    }

    pub(crate) fn prepare(&self, vmid: u32, row: &Row) {
        if row.before == Before::Running {
            self.qm(&format!("start {vmid}"));
        }
    }

    /// Must succeed.
    pub(crate) fn qm(&self, words: &str) {
        let ran = self.try_qm(words);
        assert_eq!(ran.code, 0, "qm {words}: {}", ran.stderr);
    }

    pub(crate) fn try_qm(&self, words: &str) -> Ran {
        self.0.node().qm(words).unwrap()
    }

    pub(crate) fn node(&self, argv: &[&str]) {
        self.0
            .node()
            .command(argv)
            .unwrap()
            .deadline(SETTLE_LIMIT)
            .ok()
            .unwrap();
    }

    pub(crate) fn phoenix(&self, words: &str) -> Ran {
        let argv: Vec<&str> = std::iter::once("phoenix")
            .chain(words.split_whitespace())
            .collect();
        self.0
            .node()
            .command(&argv)
            .unwrap()
            .deadline(SETTLE_LIMIT)
            .run()
            .unwrap()
    }

    /// Writes the `lock:` line, as a task of Proxmox does.
    pub(crate) fn set_lock(&self, vmid: u32, lock: &str) {
        self.qm(&format!("set {vmid} --lock {lock}"));
    }

    /// The guest goes on when it is asked to shut down.
    pub(crate) fn set_stubborn(&self, vmid: u32) {
        self.0
            .ask(&phoenix_tests::lab::control::Request::Obey {
                machine: vmid.to_string(),
                obeys: false,
            })
            .unwrap();
    }

    /// The configuration file moves to another node, as migrations move it.
    pub(crate) fn move_to(&self, node: &str, vmid: u32) {
        let script = format!(
            "mkdir -p /etc/pve/nodes/{node}/qemu-server && \
             mv /etc/pve/nodes/*/qemu-server/{vmid}.conf /etc/pve/nodes/{node}/qemu-server/ && \
             qm lab-vmlist"
        );
        self.0.node().sh(&script).unwrap();
    }

    pub(crate) fn power(&self, vmid: u32) -> &'static str {
        use phoenix_tests::lab::control::QemuStatus;
        let power = self.guest(vmid).status().unwrap();
        match (power.running, power.status) {
            (false, _) => "stopped",
            (true, QemuStatus::Running) => "running",
            (true, QemuStatus::Paused) => "paused",
            (true, QemuStatus::Prelaunch) => "prelaunch",
            (true, QemuStatus::Inmigrate) => "inmigrate",
        }
    }

    pub(crate) fn wait_status(&self, vmid: u32, wanted: &str) {
        let node = self.0.node();
        node.wait("the guest's power", Duration::from_mins(1), || {
            let power = self.power(vmid);
            Ok((power != wanted).then(|| power.to_owned()))
        })
        .unwrap();
    }

    /// While the guest is in a state in which it must be left alone.
    pub(crate) fn nothing_is_asked_for_a_moment(&self, vmid: u32) {
        let before = self.guest(vmid).agent_requests().len();
        let begin = Instant::now();
        while begin.elapsed() < MOMENT {
            assert_eq!(
                self.guest(vmid).agent_requests().len(),
                before,
                "{vmid} is asked"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub(crate) fn status(&self, vmid: u32) -> Value {
        let ran = self.phoenix(&format!("status {vmid} --json"));
        let status: Value = serde_json::from_str(&ran.stdout).unwrap();
        status["guests"][0].clone()
    }

    pub(crate) fn seen(&self, vmid: u32) -> Seen {
        let events = self
            .phoenix(&format!("events {vmid} --json --newest 1000"))
            .stdout;
        let events: Value = serde_json::from_str(&events).unwrap();
        let mut own: Vec<&Value> = events["events"].as_array().unwrap().iter().collect();
        own.sort_by_key(|event| event["event"]["id"].as_str().unwrap().to_owned());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Seen {
            questions: self.guest(vmid).agent_requests().len(),
            record: self.status(vmid)["record"].clone(),
            events: own
                .into_iter()
                .map(|event| (text(&event["event"]["trigger"]), text(&event["class"])))
                .collect(),
        }
    }

    /// Waits until no guest has more events pending than `watched` says.
    pub(crate) fn wait_settled(&self, watched: impl Fn(u32) -> u64) {
        let node = self.0.node();
        node.wait("the worker", SETTLE_LIMIT, || {
            let ran = self.phoenix("status --json");
            let status: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
            self.nothing_was_refused(&status);
            let busy = status["guests"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|guest| {
                    let vmid = guest["vmid"]
                        .as_u64()
                        .and_then(|vmid| u32::try_from(vmid).ok());
                    guest["events_pending"].as_u64() != vmid.map(&watched)
                });
            Ok(busy.map(ToString::to_string))
        })
        .unwrap();
    }

    /// A new question has to be allowed to the agents that are only played.
    fn nothing_was_refused(&self, status: &Value) {
        for guest in status["guests"].as_array().into_iter().flatten() {
            let vmid = guest["vmid"]
                .as_u64()
                .and_then(|vmid| u32::try_from(vmid).ok())
                .unwrap();
            let asked = self.guest(vmid).agent_requests();
            assert!(
                !asked.iter().any(|asked| asked.starts_with("refused")),
                "{asked:?}"
            );
        }
    }

    /// Every file of a real guest's disk, with its size and time.
    pub(crate) fn files(&self, vmid: u32) -> String {
        let folder = self.0.layout().folder().join("m").join(vmid.to_string());
        let find = "cd \"$1\" && find upper docker containerd -printf '%p %s %T@\\n' | sort";
        let run = phoenix_tests::lab::Run::new(["sh", "-c", find, "sh"]).arg(folder);
        run.ok().unwrap().stdout
    }

    pub(crate) fn unit_is_active(&self) {
        let state = self
            .0
            .node()
            .run(&["systemctl", "is-active", "phoenix-worker.path"])
            .unwrap();
        assert_eq!(state.stdout.trim(), "active");
    }
}
