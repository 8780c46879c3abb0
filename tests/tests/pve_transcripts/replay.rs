//! Plays one recording on a root folder made from its own states.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use phoenix_tests::doubles::pve::PveRoot;
use phoenix_tests::lab::control::QemuStatus;
use phoenix_tests::lab::{LabError, Ran, Run, program};

use crate::agent::{Agent, Script, serve};
use crate::compare::difference;
use crate::effects::Effects;
use crate::recording::{Hook, Recording, Step};
use crate::scope::skip;

/// A run over one recording, and what came of it.
pub(crate) struct Replay<'recording> {
    recording: &'recording Recording,
    root: PveRoot,
    /// Whether a guest's power and configuration are known.
    known: BTreeMap<u32, bool>,
    locks: BTreeMap<u32, Flock<File>>,
    background: Vec<(&'recording Step, JoinHandle<Result<Ran, LabError>>)>,
    agents: BTreeMap<u32, Agent>,
    /// Recorded UPIDs and those of the double's same tasks.
    upids: BTreeMap<String, String>,
    pub(crate) compared: usize,
    pub(crate) wrong: Vec<String>,
    pub(crate) skipped: Vec<&'static str>,
}

impl<'recording> Replay<'recording> {
    pub(crate) fn new(recording: &'recording Recording) -> Self {
        let root = PveRoot::new(&recording.node()).unwrap();
        Self {
            recording,
            root,
            known: BTreeMap::new(),
            locks: BTreeMap::new(),
            background: Vec::new(),
            agents: BTreeMap::new(),
            upids: BTreeMap::new(),
            compared: 0,
            wrong: Vec::new(),
            skipped: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self) {
        for step in &self.recording.steps {
            if step.kind == "cmd" {
                match self.reason_to_skip(step) {
                    Some(reason) => self.skipped.push(reason),
                    None => self.play(step),
                }
            } else {
                self.follow_lock(&step.note);
                self.follow_event(step);
            }
            self.follow(step);
        }
        for (step, running) in std::mem::take(&mut self.background) {
            self.judge(step, running.join().unwrap(), None);
        }
    }

    /// The recorder held or gave back a guest's flock.
    fn follow_lock(&mut self, note: &str) {
        let Some(vmid) = note
            .split("lock-")
            .nth(1)
            .and_then(|rest| rest.split('.').next()?.parse().ok())
        else {
            return;
        };
        if note.contains("takes flock") {
            let path = self
                .root
                .path()
                .join(format!("var/lock/qemu-server/lock-{vmid}.conf"));
            let held = Flock::lock(File::create(path).unwrap(), FlockArg::LockExclusive);
            self.locks
                .insert(vmid, held.map_err(|(_, errno)| errno).unwrap());
        }
    }

    /// What the recorder did to a guest by hand is not told in a form that can be followed.
    fn follow_event(&mut self, step: &Step) {
        if step.kind == "event" {
            let words = step.label.split(|letter: char| !letter.is_ascii_digit());
            for vmid in words.filter_map(|word| word.parse().ok()) {
                self.known.insert(vmid, false);
            }
        }
    }

    fn reason_to_skip(&mut self, step: &Step) -> Option<&'static str> {
        if let Some(reason) = skip(step) {
            return Some(reason);
        }
        if self.recording.name.starts_with("l-") {
            return Some("containers: the lab holds none yet");
        }
        if self
            .recording
            .hooks
            .iter()
            .any(|hook| shell(hook).is_none())
        {
            return Some("the recording's script sleeps or leaves children: shown by lab_node");
        }
        if step.label.contains("migratedfrom") || step.label.contains("emulated") {
            return Some("emulated migration and backup: shown by lab_node");
        }
        let texts = [&step.stdout, &step.stderr].map(|text| text.as_str().unwrap_or_default());
        if step.argv.iter().any(|word| word.contains("RIG/"))
            || texts
                .iter()
                .any(|text| text.contains("RIG/") && !text.contains("args:"))
        {
            return Some("a text of the recording rig");
        }
        if self.with_own_upids(step).is_none() {
            return Some("a task of another scenario");
        }
        let unknown = guests_of(step).into_iter().any(|vmid| !self.know(vmid));
        unknown.then_some("a guest whose configuration or power is not in the recording")
    }

    /// The words of the step, with the double's UPIDs; none when one has no counterpart.
    fn with_own_upids(&self, step: &Step) -> Option<Vec<String>> {
        let own = |word: &String| {
            let Some((before, rest)) = word.split_once("UPID:") else {
                return Some(word.clone());
            };
            let (upid, after) = rest.split_once('/').unwrap_or((rest, ""));
            let own = self.upids.get(&format!("UPID:{upid}"))?;
            Some(format!("{before}{own}/{after}"))
        };
        step.argv.iter().map(own).collect()
    }

    /// Puts a guest on the node as the recording found it.
    fn know(&mut self, vmid: u32) -> bool {
        if let Some(known) = self.known.get(&vmid) {
            return *known;
        }
        let missing = self.recording.is_made(vmid) || self.is_said_to_be_missing(vmid);
        let config = self.recording.first_config(vmid);
        let ran = self.recording.ran_before(vmid, 0);
        let known = missing || config.is_some() && ran.is_some();
        if let (false, Some(config), Some(_)) = (missing, config, ran) {
            fs::write(self.root.config_path(vmid), config).unwrap();
        }
        self.known.insert(vmid, known);
        known
    }

    fn is_said_to_be_missing(&self, vmid: u32) -> bool {
        let says = [
            format!("{vmid}.conf' does not exist"),
            format!("configuration file for VM {vmid} on"),
        ];
        let said = |step: &Step| {
            let stderr = step.stderr.as_str().unwrap_or_default();
            says.iter().any(|text| stderr.contains(text))
        };
        self.recording.steps.iter().any(said) && self.recording.first_config(vmid).is_none()
    }

    /// The power that this step or a later one tells, and a `lock:` that this one speaks of.
    fn prepare(&self, step: &Step) {
        let Some(vmid) = vmid(&step.argv) else { return };
        let power = &self.root.power;
        match self.recording.ran_before(vmid, step.n) {
            Some(true) => power.set(vmid, power.get(vmid).or(Some(QemuStatus::Running))),
            Some(false) => power.set(vmid, None),
            None => {}
        }
        let path = self.root.config_path(vmid);
        let Ok(config) = fs::read_to_string(&path) else {
            return;
        };
        let stderr = step.stderr.as_str().unwrap_or_default();
        let lock = stderr
            .split("is locked (")
            .nth(1)
            .and_then(|rest| rest.split(')').next());
        if let Some(lock) = lock.filter(|_| !config.contains("\nlock: ")) {
            fs::write(&path, format!("lock: {lock}\n{config}")).unwrap();
        } else if lock.is_none() && step.exit == 0 && step.argv[1] == "start" {
            // Given back in between, by the recorder.
            let kept: Vec<&str> = config
                .lines()
                .filter(|line| !line.starts_with("lock: "))
                .collect();
            fs::write(&path, kept.join("\n") + "\n").unwrap();
        }
    }

    /// The recorded script, doing what it did during this step.
    fn write_script(&self, step: &Step) {
        let mut text = "#!/bin/sh\n".to_owned();
        for hook in self
            .recording
            .hooks
            .iter()
            .filter(|hook| hook.during_step == step.n)
        {
            if let (Some(phase), Some(script)) = (hook.argv.get(2), shell(hook)) {
                let _ = writeln!(text, "[ \"$2\" != {phase} ] || {{ {script}; }}");
            }
        }
        let text = text.replace("; ;", ";");
        let script = self.root.path().join("var/lib/vz/snippets/hook.py");
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn play(&mut self, step: &'recording Step) {
        self.prepare(step);
        self.write_script(step);
        if let Some(vmid) = step.agent_of() {
            let socket = self.root.path().join(format!("run/qemu-server/{vmid}.qga"));
            let agent = self.agents.entry(vmid).or_insert_with(|| serve(&socket));
            *agent.lock().unwrap() = Script::of(step);
        }
        let double = program("pve-double").unwrap();
        let mut argv = vec![double.display().to_string()];
        argv.extend(self.with_own_upids(step).unwrap());
        let root = self.root.path().display().to_string();
        let environment = [("PATH", "/usr/bin:/bin"), ("LAB_PVE_ROOT", root.as_str())];
        let run = Run::new(argv)
            .only_environment(&environment)
            .stdin(step.input())
            .deadline(Duration::from_mins(1));
        let before = Effects::of(self.root.path());
        let running = std::thread::spawn(move || run.run());
        if step.background {
            self.background.push((step, running));
            return;
        }
        let ran = running.join().unwrap();
        let alone = self.background.is_empty();
        self.judge(step, ran, alone.then_some(&before));
        let after = Effects::of(self.root.path());
        let recorded = step.tasks.iter().map(|task| task.upid.clone());
        self.upids.extend(recorded.zip(after.tasks_since(&before)));
    }

    fn judge(&mut self, step: &Step, ran: Result<Ran, LabError>, before: Option<&Effects>) {
        self.compared += 1;
        let root = self.root.path().display().to_string();
        let difference = match ran {
            Ok(mut ran) => {
                ran.stderr = ran.stderr.replace(&root, "");
                ran.stdout = ran.stdout.replace(&root, "");
                let asked = step
                    .agent_of()
                    .and_then(|vmid| self.agents.get(&vmid)?.lock().unwrap().difference(step));
                difference(step, &ran).or(asked).or_else(|| {
                    let after = Effects::of(self.root.path());
                    after.difference(before?, step, self.root.path())
                })
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(difference) = difference {
            let line = step.argv.join(" ");
            self.wrong.push(format!(
                "{} {}: {line}: {difference}",
                self.recording.name, step.n
            ));
        }
    }

    /// After each step the node is as recorded, whatever the double did.
    fn follow(&mut self, step: &Step) {
        for (path, change) in &step.config_change {
            let place = self.root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(place.parent().unwrap_or(Path::new("/"))).unwrap();
            match &change.after {
                Some(text) => fs::write(place, text).unwrap(),
                None => drop(fs::remove_file(place)),
            }
        }
        let images = self.root.path().join("var/lib/vz/images");
        for file in &step.disk_change.added {
            let place = images.join(file);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, "").unwrap();
        }
        for file in &step.disk_change.removed {
            let _ = fs::remove_file(images.join(file));
        }
        let words: Vec<&str> = step.argv.iter().map(String::as_str).collect();
        let Some(vmid) = vmid(&step.argv) else { return };
        let power = &self.root.power;
        match words.as_slice() {
            _ if step.exit != 0 || step.background => {}
            ["qm", "start" | "reboot", ..] => power.set(vmid, Some(QemuStatus::Running)),
            ["qm", "stop" | "shutdown" | "destroy", ..] => power.set(vmid, None),
            ["pvesh", "create", path, ..] if path.ends_with("/status/stop") => {
                power.set(vmid, None);
            }
            _ => {}
        }
    }
}

/// What a recorded script did, as shell; none when it slept or left children.
fn shell(hook: &Hook) -> Option<String> {
    let Some(does) = hook.script_does.as_object() else {
        return Some("echo \"GUEST HOOK: $1 $2\"".to_owned());
    };
    let mut script = String::new();
    for key in ["out", "err", "exit"] {
        let Some(value) = does.get(key) else { continue };
        let text = value.as_str().unwrap_or_default().trim_end();
        let _ = match key {
            "out" => write!(script, "echo '{text}'; "),
            "err" => write!(script, "echo '{text}' >&2; "),
            _ => write!(script, "exit {value}; "),
        };
    }
    let others = does
        .keys()
        .any(|key| !["out", "err", "exit"].contains(&key.as_str()));
    (!others).then_some(script)
}

/// Every guest whose state matters to a step.
fn guests_of(step: &Step) -> Vec<u32> {
    let words: Vec<&str> = step.argv.iter().map(String::as_str).collect();
    let mut guests: Vec<u32> = vmid(&step.argv).into_iter().collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1)?.parse::<u32>().ok()
    };
    match words.as_slice() {
        ["qm", "clone", _, newid, ..] => guests.extend(newid.parse::<u32>()),
        ["qm", "list"] => {
            let stdout = step.stdout.as_str().unwrap_or_default().lines();
            guests.extend(
                stdout.filter_map(|line| line.split_whitespace().next()?.parse::<u32>().ok()),
            );
        }
        _ => guests.extend(after("--newid")),
    }
    // Ids that no guest may have are refused before anybody looks.
    guests.retain(|vmid| *vmid >= 100);
    guests
}

/// The guest a command line is about.
fn vmid(argv: &[String]) -> Option<u32> {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["qm", "guest", _, vmid, ..]
        | ["qm", _, vmid, ..]
        | ["pvesh", "get", "/cluster/nextid", "--vmid", vmid, ..] => vmid.parse().ok(),
        ["pvesh", _, path, ..] => path.split("/qemu/").nth(1)?.split('/').next()?.parse().ok(),
        _ => None,
    }
}
