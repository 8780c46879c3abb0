//! Every recorded call of a hookscript by real Proxmox code, given to the real hook binary.
//!
//! The folder is `PHOENIX_PVE_TRANSCRIPTS`, by default `../shared/pve-transcripts` beside the checkout.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed step fails the test"
)]

mod node;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use node::{HOOK, Node, finish};
use phoenix_hook::event::{Class, Event};
use phoenix_hook::pve::vmlist::Kind;
use serde_json::Value;

/// The whole call, with the shells that stand for Proxmox's processes; the machine may be busy.
const LONGEST_CALL: Duration = Duration::from_secs(5);

#[test]
fn pve_transcripts_hook_calls() {
    let folder = std::env::var_os("PHOENIX_PVE_TRANSCRIPTS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/pve-transcripts"),
        PathBuf::from,
    );
    let Ok(scenarios) = std::fs::read_dir(&folder) else {
        println!("skipped: no recordings in {}", folder.display());
        return;
    };
    let mut files: Vec<PathBuf> = scenarios
        .map(|scenario| scenario.unwrap().path().join("hooks.json"))
        .filter(|file| file.exists())
        .collect();
    files.sort();
    let mut compared = Compared::default();
    for file in &files {
        let calls: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        for (number, call) in calls.as_array().unwrap().iter().enumerate() {
            // What a recording script ran itself is no call of a hookscript.
            if call.get("inner_of").is_none() {
                compared.call(call, &format!("{} call {number}", file.display()));
            }
        }
    }
    compared.print(files.len());
    assert!(compared.calls > 0, "no calls in {}", folder.display());
}

#[derive(Default)]
struct Compared {
    calls: usize,
    /// Of them, those whose recording also says what QEMU was doing.
    qemu_states: usize,
    tasks: usize,
    slowest: Duration,
}

impl Compared {
    fn call(&mut self, recorded: &Value, name: &str) {
        let node = build_node(recorded);
        let argv: Vec<&str> = texts(&recorded["argv"]);
        let ancestors = command_lines(recorded);
        let outermost_first: Vec<&str> = ancestors.iter().rev().copied().collect();
        let mut command = node.below(&outermost_first);
        command.arg(HOOK).args(&argv[1..]).env_clear();
        for (variable, value) in recorded["env"].as_object().unwrap() {
            command.env(variable, value.as_str().unwrap());
        }
        command.env("PHOENIX_ROOT", node.path(""));
        if recorded["cwd"] == "/" {
            command.current_dir("/");
        }

        let started = Instant::now();
        let call = finish(command);
        let took = started.elapsed();
        assert_eq!(call.exit, Some(0), "{name}: {}", call.stderr);
        assert_eq!(call.stdout.lines().count(), 1, "{name}: {}", call.stdout);
        assert_eq!(call.stderr, "", "{name}");
        assert!(took < LONGEST_CALL, "{name}: {took:?}");
        let event = node.take_only_event();
        assert!(call.stdout.contains(&event.id), "{name}: {}", call.stdout);
        compare_facts(&event, recorded, name);
        assert_eq!(word(&event.class()), expected_class(recorded), "{name}");
        self.compare_with_qemu(&event, recorded, name);

        self.tasks += usize::from(event.task.kind.is_some());
        self.slowest = self.slowest.max(took);
        self.calls += 1;
    }

    /// The recorder asked QEMU's monitor at that moment: does the class fit what the guest really did?
    fn compare_with_qemu(&mut self, event: &Event, recorded: &Value, name: &str) {
        let Some(status) = recorded["qmp"]["status"].as_str() else {
            return;
        };
        let wanted = match event.class() {
            Class::Start | Class::Stopping => "running",
            Class::BackupStart | Class::BackupStop => "prelaunch",
            Class::Arrival { .. } => "inmigrate",
            other => panic!("{name}: {other:?} with a living QEMU ({status})"),
        };
        assert_eq!(status, wanted, "{name}");
        self.qemu_states += 1;
    }

    fn print(&self, scenarios: usize) {
        println!(
            "compared {} hook calls of {scenarios} scenarios ({} inside a task, {} against QEMU's own state), slowest {:?}",
            self.calls, self.tasks, self.qemu_states, self.slowest
        );
    }
}

/// `/etc/pve` as it was at the call.
fn build_node(recorded: &Value) -> Node {
    let node = Node::new(recorded["node"].as_str().unwrap());
    let entry = &recorded["vmlist_entry"];
    if let Some(owner) = entry["node"].as_str() {
        let vmid = recorded["argv"][1].as_str().unwrap().parse().unwrap();
        let conf = recorded["config"].as_str().unwrap_or("");
        node.add_guest(vmid, kind(entry), owner, conf);
    }
    node
}

fn kind(entry: &Value) -> Kind {
    if entry["type"] == "lxc" {
        Kind::Lxc
    } else {
        Kind::Qemu
    }
}

fn compare_facts(event: &Event, recorded: &Value, name: &str) {
    let entry = &recorded["vmlist_entry"];
    let facts = event.pve.known().unwrap();
    assert_eq!(
        event.vmid.to_string(),
        recorded["argv"][1].as_str().unwrap(),
        "{name}"
    );
    assert_eq!(
        event.trigger.name(),
        recorded["argv"][2].as_str().unwrap(),
        "{name}"
    );
    assert_eq!(
        event.migrated_from.as_deref(),
        migrated_from(recorded),
        "{name}"
    );
    assert_eq!(facts.node, recorded["node"].as_str().unwrap(), "{name}");
    assert_eq!(facts.owner.as_deref(), entry["node"].as_str(), "{name}");
    assert_eq!(
        facts.kind,
        entry["type"].as_str().map(|_| kind(entry)),
        "{name}"
    );
    assert_eq!(
        facts.lock.as_deref(),
        recorded["config_lock"].as_str(),
        "{name}"
    );
    let tasks: Vec<&str> = command_lines(recorded)
        .into_iter()
        .filter_map(task_type)
        .collect();
    assert_eq!(event.task.kind.as_deref(), tasks.first().copied(), "{name}");
    let in_bulk = tasks
        .iter()
        .any(|task| matches!(*task, "startall" | "stopall"));
    assert_eq!(event.task.bulk.is_some(), in_bulk, "{name}");
}

/// By what the recording says, never by its name.
fn expected_class(recorded: &Value) -> &'static str {
    let phase = recorded["argv"][2].as_str().unwrap();
    let lock = recorded["config_lock"].as_str().unwrap_or("");
    let owner = recorded["vmlist_entry"]["node"].as_str();
    let is_vm = recorded["vmlist_entry"]["type"] == "qemu";
    let starts = phase.ends_with("-start");
    if starts && migrated_from(recorded).is_some() {
        return "migration target";
    }
    if owner.is_some() && owner != recorded["node"].as_str() {
        return "other node";
    }
    match (phase, lock) {
        ("pre-start" | "post-start", "backup") if is_vm => "backup start",
        ("pre-stop", "backup") if is_vm => "backup stop",
        ("pre-start" | "post-start", "suspended" | "suspending" | "rollback") => "old state",
        ("pre-start" | "post-start", "migrate") => "migration target",
        ("pre-start", _) => "announced",
        ("post-start", _) => "start",
        ("pre-stop", _) => "stopping",
        ("post-stop", _) => "stopped",
        (phase, _) => panic!("unknown phase {phase}"),
    }
}

fn word(class: &Class) -> &'static str {
    match class {
        Class::Announced => "announced",
        Class::Start => "start",
        Class::OldState => "old state",
        Class::Arrival { .. } => "migration target",
        Class::BackupStart => "backup start",
        Class::BackupStop => "backup stop",
        Class::Stopping => "stopping",
        Class::Stopped => "stopped",
        Class::Elsewhere { .. } => "other node",
        Class::Requested => "requested",
        Class::Unclassified => "unclassified",
    }
}

fn migrated_from(recorded: &Value) -> Option<&str> {
    let source = recorded["env"]["PVE_MIGRATED_FROM"].as_str();
    source.filter(|node| !node.is_empty())
}

/// Nearest ancestor first.
fn command_lines(recorded: &Value) -> Vec<&str> {
    let parents = recorded["parents"].as_array().unwrap();
    parents
        .iter()
        .filter_map(|parent| parent["cmdline"].as_str())
        .collect()
}

fn task_type(command_line: &str) -> Option<&str> {
    let upid = command_line.strip_prefix("task UPID:")?;
    upid.split(':').nth(4)
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}
