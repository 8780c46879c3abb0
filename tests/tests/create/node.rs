//! A node as a folder, with the real `phoenix-hook` called on it.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use phoenix_common::fail_point::FOLDER;
use phoenix_tests::doubles::pve::{PowerStates, PveRoot};
use phoenix_tests::lab::program;
use serde_json::{Value, json};

use crate::estate::{TEMPLATE, configure};

/// The node `pve1` with the template 9000 and the declared guests not there.
pub(crate) struct Node {
    pub(crate) pve: PveRoot,
    monitors: Monitors,
}

/// A verb that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Node {
    pub(crate) fn new() -> Self {
        let pve = PveRoot::new("pve1").unwrap();
        let lines = TEMPLATE.map(|(key, value)| format!("{key}: {value}\n"));
        pve.add_guest(9000, &lines.concat()).unwrap();
        for volume in ["vm-9000-cloudinit.qcow2", "base-9000-disk-0.qcow2"] {
            let folder = pve.path().join("var/lib/vz/images/9000");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(volume), "").unwrap();
        }
        configure(pve.path(), &json!({}));
        let monitors = Monitors::follow(&pve.power, pve.path(), &[1001, 1002]);
        Self { pve, monitors }
    }

    /// `phoenix <words>`; words are split at blanks.
    pub(crate) fn phoenix(&self, words: &str) -> Ended {
        ended(self.command(words).output().unwrap())
    }

    /// From now on each run is killed at the first step boundary at which none was killed before.
    pub(crate) fn arm_fail_points(&self) {
        std::fs::create_dir_all(self.fail_points()).unwrap();
    }

    /// No more; the step boundaries at which runs were killed.
    pub(crate) fn disarm_fail_points(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.fail_points()).unwrap();
        let mut points: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        std::fs::remove_dir_all(self.fail_points()).unwrap();
        points.sort();
        points
    }

    fn fail_points(&self) -> PathBuf {
        self.pve.path().join(FOLDER.trim_start_matches('/'))
    }

    /// The same, beside the test.
    pub(crate) fn spawn(&self, words: &str) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn command(&self, words: &str) -> Command {
        phoenix(self.pve.path(), words)
    }

    /// What the guest's configuration holds, as `pvesh get …/config` says it.
    pub(crate) fn config(&self, vmid: u32) -> Value {
        let path = format!("/nodes/pve1/qemu/{vmid}/config");
        let output = Command::new(self.pve.tool("pvesh"))
            .args(["get", &path, "--output-format", "json"])
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    pub(crate) fn runs(&self, vmid: u32) -> bool {
        self.pve.power.get(vmid).is_some()
    }

    /// All that Proxmox keeps: configurations, disks, the list of tasks that were run.
    pub(crate) fn kept(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for folder in ["etc/pve", "var/lib/vz", "var/log/pve"] {
            read_all(&self.pve.path().join(folder), &mut files);
        }
        files
    }

    /// Until no monitor lags behind the power states.
    pub(crate) fn settle(&self) {
        self.monitors.settle();
    }
}

/// The real program on a root; this must be a build that tests may kill.
pub(crate) fn phoenix(root: &Path, words: &str) -> Command {
    let hook = program("phoenix-hook").unwrap();
    let mut command = Command::new(hook);
    command
        .args(words.split_whitespace())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("PHOENIX_ROOT", root)
        .stdin(Stdio::null());
    command
}

pub(crate) fn ended(output: Output) -> Ended {
    Ended {
        exit: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn read_all(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            read_all(&path, files);
        } else if let Ok(content) = std::fs::read(&path) {
            files.insert(path, content);
        }
    }
}

/// QEMU's monitors of the guests that run: a socket each, as Phoenix asks it.
struct Monitors {
    ends: Arc<AtomicBool>,
    power: PowerStates,
    folder: PathBuf,
    vmids: Vec<u32>,
}

impl Monitors {
    fn follow(power: &PowerStates, root: &Path, vmids: &[u32]) -> Self {
        let monitors = Self {
            ends: Arc::new(AtomicBool::new(false)),
            power: power.clone(),
            folder: root.join("run/qemu-server"),
            vmids: vmids.to_vec(),
        };
        for vmid in vmids {
            let (ends, power) = (Arc::clone(&monitors.ends), power.clone());
            let (vmid, path) = (*vmid, monitors.folder.join(format!("{vmid}.qmp")));
            std::thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    if power.get(vmid).is_some() {
                        serve(&path, || {
                            power.get(vmid).is_some() && !ends.load(Ordering::Relaxed)
                        });
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
        monitors
    }

    fn settle(&self) {
        let lags = |vmid: &u32| {
            let socket = self.folder.join(format!("{vmid}.qmp"));
            self.power.get(*vmid).is_some() != socket.exists()
        };
        while self.vmids.iter().any(lags) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Monitors {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

fn serve(path: &Path, on: impl Fn() -> bool) {
    let listener = UnixListener::bind(path).unwrap();
    listener.set_nonblocking(true).unwrap();
    while on() {
        match listener.accept() {
            Ok((mut stream, _)) => {
                let text =
                    "{\"QMP\": {}}\n{\"return\": {}}\n{\"return\": {\"status\": \"running\"}}\n";
                // Who asked may be gone.
                let _ = stream.write_all(text.as_bytes());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    let _ = std::fs::remove_file(path);
}
