//! A node's files in a temporary root, and the real hook binary called on it.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use phoenix_hook::event::Event;
use phoenix_hook::paths::Paths;
use phoenix_hook::pve::vmlist::Kind;
use phoenix_hook::queue::Queue;
use serde_json::{Value, json};

pub(crate) const HOOK: &str = env!("CARGO_BIN_EXE_phoenix-hook");

pub(crate) struct Node {
    root: tempfile::TempDir,
}

pub(crate) struct Monitor {
    path: PathBuf,
}

/// Proxmox unlinks the socket of a VM that has stopped.
impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

pub(crate) struct Call {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Node {
    pub(crate) fn new(name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let node = Self { root };
        let pve = node.path("etc/pve");
        std::fs::create_dir_all(pve.join("nodes").join(name)).unwrap();
        std::os::unix::fs::symlink(format!("nodes/{name}"), pve.join("local")).unwrap();
        node.write_vmlist(&json!({}));
        node
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    pub(crate) fn add_guest(&self, vmid: u32, kind: Kind, owner: &str, conf: &str) {
        let (folder, type_name) = match kind {
            Kind::Qemu => ("qemu-server", "qemu"),
            Kind::Lxc => ("lxc", "lxc"),
        };
        let folder = self.path("etc/pve/nodes").join(owner).join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{vmid}.conf")), conf).unwrap();
        let text = std::fs::read(self.path("etc/pve/.vmlist")).unwrap();
        let mut list: Value = serde_json::from_slice(&text).unwrap();
        list["ids"][vmid.to_string()] = json!({"node": owner, "type": type_name, "version": 1});
        self.write_vmlist(&list["ids"]);
    }

    fn write_vmlist(&self, ids: &Value) {
        let text = json!({"version": 5, "ids": ids}).to_string();
        std::fs::write(self.path("etc/pve/.vmlist"), text).unwrap();
    }

    pub(crate) fn call(&self, vmid: &str, phase: &str) -> Call {
        self.call_with(vmid, phase, &[("PVE_MIGRATED_FROM", "")])
    }

    pub(crate) fn call_with(&self, vmid: &str, phase: &str, variables: &[(&str, &str)]) -> Call {
        let mut command = self.command(vmid, phase);
        command.envs(variables.iter().copied());
        finish(command)
    }

    /// A verb of the command line.
    pub(crate) fn verb(&self, arguments: &[&str]) -> Call {
        let mut command = self.clean(Command::new(HOOK));
        command.args(arguments);
        finish(command)
    }

    /// Every file it writes is cut to nothing: `EFBIG`, as `ENOSPC` would.
    pub(crate) fn call_limited_to_file_size_of_zero(&self, vmid: &str, phase: &str) -> Call {
        let mut command = self.clean(Command::new("/bin/sh"));
        command.args([
            "-c",
            "trap '' XFSZ; ulimit -f 0; exec \"$@\" | cat",
            "sh",
            HOOK,
            vmid,
            phase,
        ]);
        finish(command)
    }

    /// Below strace with these options.
    pub(crate) fn call_traced(&self, options: &[&str], vmid: &str, phase: &str) -> Call {
        let mut command = self.clean(Command::new("/usr/bin/strace"));
        command.args(options).args([HOOK, vmid, phase]);
        finish(command)
    }

    pub(crate) fn call_with_closed_output(&self, vmid: &str, phase: &str) -> Option<i32> {
        let mut command = self.clean(Command::new("/bin/sh"));
        command.args(["-c", "exec \"$@\" >&- 2>&-", "sh", HOOK, vmid, phase]);
        command.status().unwrap().code()
    }

    /// Below processes of these names, outermost first.
    pub(crate) fn call_below(&self, ancestors: &[&str], vmid: &str, phase: &str) -> Call {
        let mut command = self.below(ancestors);
        command.args([HOOK, vmid, phase]);
        finish(command)
    }

    /// A chain of shells that name themselves and then run what is appended as arguments.
    pub(crate) fn below(&self, ancestors: &[&str]) -> Command {
        // `; exit` keeps each shell from becoming the next one.
        const THEN_REST: &str = "\"$@\"; exit $?";
        let Some((outermost, inner)) = ancestors.split_first() else {
            let mut direct = self.clean(Command::new("/usr/bin/env"));
            direct.arg("--");
            return direct;
        };
        let mut command = self.clean(Command::new("/bin/bash"));
        command.arg0(outermost).args(["-c", THEN_REST, "bash"]);
        for name in inner {
            let then = format!(
                "exec -a '{}' /bin/bash -c '{THEN_REST}' bash \"$@\"",
                name.replace('\'', "")
            );
            command.args(["/bin/bash", "-c", &then, "bash"]);
        }
        command
    }

    fn command(&self, vmid: &str, phase: &str) -> Command {
        let mut command = self.clean(Command::new(HOOK));
        command.args([vmid, phase]);
        command
    }

    /// A verb that goes on beside the test.
    pub(crate) fn spawn_verb(&self, arguments: &[&str]) -> Child {
        let mut command = self.clean(Command::new(HOOK));
        command.args(arguments).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A QEMU monitor that says this status until it is dropped.
    pub(crate) fn monitor(&self, vmid: u32, status: &'static str) -> Monitor {
        let path = self.path(&format!("run/qemu-server/{vmid}.qmp"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let text = format!(
                    "{{\"QMP\": {{}}}}\n{{\"return\": {{}}}}\n{{\"return\": {{\"status\": \"{status}\"}}}}\n"
                );
                // Who asked may be gone.
                let _ = stream.unwrap().write_all(text.as_bytes());
            }
        });
        Monitor { path }
    }

    /// The environment Proxmox gives, and this root.
    fn clean(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .env("PATH", "/sbin:/bin:/usr/sbin:/usr/bin")
            .env("LC_ALL", "C")
            .env("LVM_SUPPRESS_FD_WARNINGS", "1")
            .env("PHOENIX_ROOT", self.root.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn event_count(&self) -> usize {
        std::fs::read_dir(self.path("var/lib/phoenix/queue")).map_or(0, Iterator::count)
    }

    /// The one event in the queue, taken out of it.
    pub(crate) fn take_only_event(&self) -> Event {
        let queue = Queue::new(&Paths::new(self.root.path()));
        assert_eq!(queue.take_all().unwrap(), 1);
        let mut events = queue.pending(|_| false).unwrap().events;
        assert_eq!(events.len(), 1, "unreadable event");
        let event = events.remove(0);
        let path = self
            .path("var/lib/phoenix/work")
            .join(format!("{}.json", event.id));
        std::fs::remove_file(path).unwrap();
        event
    }
}

/// Runs it as Proxmox does: both pipes are read to their end, then the process is waited for.
pub(crate) fn finish(mut command: Command) -> Call {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let read = |pipe: Option<&mut dyn Read>| {
        let mut text = String::new();
        pipe.unwrap().read_to_string(&mut text).unwrap();
        text
    };
    let stdout = read(child.stdout.as_mut().map(|pipe| pipe as &mut dyn Read));
    let stderr = read(child.stderr.as_mut().map(|pipe| pipe as &mut dyn Read));
    Call {
        exit: child.wait().unwrap().code(),
        stdout,
        stderr,
    }
}
