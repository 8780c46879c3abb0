//! One folder of recordings.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// `steps.json`, and what `hooks.json` says of the scripts.
#[derive(Debug, Deserialize)]
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) precondition: String,
    pub(crate) steps: Vec<Step>,
    #[serde(skip)]
    pub(crate) hooks: Vec<Hook>,
}

/// A step; only `cmd` steps are replayed, others may change files.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) n: u32,
    #[serde(default)]
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) note: String,
    #[serde(default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) argv: Vec<String>,
    /// None: /dev/null. `'x' * N` stands for a long text.
    #[serde(default)]
    stdin: Option<String>,
    #[serde(default)]
    pub(crate) background: bool,
    #[serde(default)]
    pub(crate) exit: i32,
    #[serde(default)]
    pub(crate) stdout: Value,
    #[serde(default)]
    pub(crate) stderr: Value,
    #[serde(default)]
    pub(crate) config_change: BTreeMap<String, Change>,
    #[serde(default)]
    pub(crate) disk_change: DiskChange,
    #[serde(default)]
    pub(crate) tasks: Vec<TaskSeen>,
}

/// Image files, from `/var/lib/vz/images`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct DiskChange {
    #[serde(default)]
    pub(crate) added: Vec<String>,
    #[serde(default)]
    pub(crate) removed: Vec<String>,
}

/// A task that was first seen in a step.
#[derive(Debug, Deserialize)]
pub(crate) struct TaskSeen {
    pub(crate) upid: String,
    #[serde(default)]
    pub(crate) log: Value,
    #[serde(default)]
    pub(crate) index_line: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// A recorded hook call, as far as it tells what lay on the node.
#[derive(Debug, Deserialize)]
pub(crate) struct Hook {
    pub(crate) argv: Vec<String>,
    #[serde(default)]
    pub(crate) config: String,
    #[serde(default)]
    pub(crate) script_does: Value,
    #[serde(default)]
    pub(crate) during_step: Value,
    #[serde(default)]
    pub(crate) config_owner: String,
}

impl Step {
    /// What the tool read on its standard input.
    pub(crate) fn input(&self) -> Vec<u8> {
        let Some(text) = &self.stdin else {
            return Vec::new();
        };
        match text
            .strip_prefix("'x' * ")
            .and_then(|count| count.parse().ok())
        {
            Some(count) => vec![b'x'; count],
            None => text.clone().into_bytes(),
        }
    }

    /// The guest whose agent a tool speaks with.
    pub(crate) fn agent_of(&self) -> Option<u32> {
        let words: Vec<&str> = self.argv.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["qm", "guest", _, vmid, ..] | ["qm", "agent", vmid, ..] => vmid.parse().ok(),
            ["pvesh", _, path, ..] if path.contains("/agent/") => {
                path.split("/qemu/").nth(1)?.split('/').next()?.parse().ok()
            }
            _ => None,
        }
    }
}

impl Recording {
    /// Every folder with a `steps.json`, by name.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut recordings: Vec<Self> = entries
            .flatten()
            .filter_map(|entry| Self::read(&entry.path()))
            .collect();
        recordings.sort_by(|one, other| one.name.cmp(&other.name));
        recordings
    }

    fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("steps.json")).ok()?;
        let mut recording: Self = serde_json::from_str(&text).unwrap();
        if let Ok(text) = std::fs::read_to_string(folder.join("hooks.json")) {
            recording.hooks = serde_json::from_str(&text).unwrap();
        }
        Some(recording)
    }

    /// The name of the recorded node, from the first path of a configuration or of the API.
    pub(crate) fn node(&self) -> String {
        let paths = self.steps.iter().flat_map(|step| step.config_change.keys());
        let of_config = paths
            .filter_map(|path| path.strip_prefix("/etc/pve/nodes/"))
            .find_map(|rest| rest.split('/').next());
        of_config.unwrap_or("pvetest").to_owned()
    }

    /// The first configuration of a guest that the recording knows, however it tells it.
    pub(crate) fn first_config(&self, vmid: u32) -> Option<String> {
        let file = format!("/qemu-server/{vmid}.conf");
        let of_change = self.steps.iter().find_map(|step| {
            let (_, change) = step
                .config_change
                .iter()
                .find(|(path, _)| path.ends_with(&file))?;
            Some(change.before.clone())
        });
        match of_change {
            Some(before) => before,
            None => self
                .config_of_hook(vmid)
                .or_else(|| self.config_of_output(vmid))
                .or_else(|| self.config_of_clone(vmid))
                .or_else(|| self.config_of_agent(vmid)),
        }
    }

    /// Whether the recording itself makes the guest, so that there was none before.
    pub(crate) fn is_made(&self, vmid: u32) -> bool {
        let file = format!("/qemu-server/{vmid}.conf");
        let changes = self.steps.iter().flat_map(|step| &step.config_change);
        let mut of_guest = changes.filter(|(path, _)| path.ends_with(&file));
        of_guest
            .next()
            .is_some_and(|(_, change)| change.before.is_none())
    }

    /// A guest whose agent answers has one configured; the rest does not matter to those who ask it.
    fn config_of_agent(&self, vmid: u32) -> Option<String> {
        let answers = |step: &&Step| step.agent_of() == Some(vmid) && step.exit == 0;
        let only_asked = |step: &Step| {
            let about = step.argv.iter().any(|word| *word == vmid.to_string());
            !about || step.agent_of().is_some()
        };
        self.steps.iter().find(answers)?;
        self.steps
            .iter()
            .all(only_asked)
            .then(|| "agent: 1\n".to_owned())
    }

    /// A clone tells what its source was: the same keys, and the volumes named in the task's output.
    fn config_of_clone(&self, vmid: u32) -> Option<String> {
        let id = vmid.to_string();
        let of_source = |step: &&Step| {
            let words: Vec<&str> = step.argv.iter().map(String::as_str).collect();
            let path = format!("/qemu/{id}/clone");
            step.exit == 0
                && match words.as_slice() {
                    ["qm", "clone", of, ..] => *of == id,
                    ["pvesh", "create", of, ..] => of.ends_with(&path),
                    _ => false,
                }
        };
        let step = self.steps.iter().find(of_source)?;
        let clone = step
            .config_change
            .values()
            .find_map(|change| change.after.clone())?;
        let stdout = step.stdout.as_str()?;
        let mut source = String::new();
        for line in clone.lines() {
            let key = line.split(':').next().unwrap_or_default();
            if let (Some(name), "name") = (self.listed_name(vmid), key) {
                let _ = writeln!(source, "name: {name}");
                continue;
            }
            let told = format!("clone of drive {key} (");
            match stdout
                .split(&told)
                .nth(1)
                .and_then(|rest| rest.split(')').next())
            {
                Some(volume) => {
                    let options = line.split_once(',').map_or("", |(_, options)| options);
                    let _ = writeln!(source, "{key}: {volume},{options}");
                }
                None => drop(writeln!(source, "{line}")),
            }
        }
        if source.contains("/base-") {
            source += "template: 1\n";
        }
        Some(source)
    }

    /// The name that `qm list` shows.
    fn listed_name(&self, vmid: u32) -> Option<&str> {
        let lists = self.steps.iter().filter(|step| step.argv == ["qm", "list"]);
        let mut lines = lists.flat_map(|step| step.stdout.as_str().unwrap_or_default().lines());
        lines.find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == vmid.to_string()).then(|| words.next())?
        })
    }

    fn config_of_hook(&self, vmid: u32) -> Option<String> {
        let vmid = vmid.to_string();
        let mut hooks = self.hooks.iter();
        let node = self.node();
        let found = hooks.find(|hook| {
            hook.argv.get(1) == Some(&vmid) && !hook.config.is_empty() && hook.config_owner == node
        });
        found.map(|hook| hook.config.clone())
    }

    /// `qm config` without anything pending prints the file but for hidden values and the description.
    fn config_of_output(&self, vmid: u32) -> Option<String> {
        let wanted = ["qm".to_owned(), "config".to_owned(), vmid.to_string()];
        let step = self
            .steps
            .iter()
            .find(|step| step.argv == wanted && step.exit == 0)?;
        let lines = step.stdout.as_str()?.lines();
        let kept = lines.filter(|line| !line.starts_with("description:"));
        Some(kept.fold(String::new(), |text, line| text + line + "\n"))
    }

    /// Whether the guest ran before step `n`, told by what that one and later ones say; none when
    /// nothing does.
    pub(crate) fn ran_before(&self, vmid: u32, n: u32) -> Option<bool> {
        let id = vmid.to_string();
        for step in self
            .steps
            .iter()
            .filter(|step| step.n >= n && step.kind == "cmd")
        {
            let words: Vec<&str> = step.argv.iter().map(String::as_str).collect();
            let stdout = step.stdout.as_str().unwrap_or_default();
            let stderr = step.stderr.as_str().unwrap_or_default();
            match words.as_slice() {
                ["qm", "start", of, ..] if *of == id && step.exit == 0 => return Some(false),
                ["qm", "start", of, ..] if *of == id && stderr.contains("already running") => {
                    return Some(true);
                }
                ["qm", "status", of, ..] if *of == id && step.exit == 0 => {
                    return Some(!stdout.contains("status: stopped"));
                }
                ["qm", "shutdown" | "reboot" | "suspend" | "reset", of, ..] if *of == id => {
                    return Some(!stderr.contains("not running"));
                }
                ["qm", "destroy", of, ..] if *of == id => {
                    return Some(stderr.contains("is running"));
                }
                ["qm", ..] if step.agent_of() == Some(vmid) && step.exit == 0 => {
                    return Some(true);
                }
                _ => {}
            }
        }
        if self
            .first_config(vmid)
            .is_some_and(|config| config.contains("template: 1"))
        {
            return Some(false);
        }
        let told = |word: &str| {
            let mut clauses = self.precondition.split([';', ',']);
            clauses.any(|clause| clause.contains(&id) && clause.contains(word))
        };
        match (told("running"), told("stopped")) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}
