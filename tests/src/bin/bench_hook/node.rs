//! A folder that looks like a Proxmox node with a hundred guests, as far as the hookscript looks.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Guests on the node; the first is the one that starts.
const GUESTS: u32 = 100;
/// The guest whose start is measured.
pub(crate) const VMID: u32 = 1001;

pub(crate) struct Node {
    root: TempDir,
}

impl Node {
    /// Makes it in a new folder of `disk`; it goes away with the value.
    pub(crate) fn create(disk: &Path) -> io::Result<Self> {
        let root = tempfile::Builder::new()
            .prefix("phoenix-bench-")
            .tempdir_in(disk)?;
        let node = Self { root };
        let pve = node.root().join("etc/pve");
        fs::create_dir_all(pve.join("nodes/pve1/qemu-server"))?;
        symlink("nodes/pve1", pve.join("local"))?;
        let (mut ids, mut guests) = (String::new(), String::new());
        for vmid in VMID..VMID + GUESTS {
            let comma = if ids.is_empty() { "" } else { "," };
            let _ = write!(
                ids,
                r#"{comma}"{vmid}":{{"node":"pve1","type":"qemu","version":{vmid}}}"#
            );
            let _ = write!(
                guests,
                r#"{comma}{{"vmid":{vmid},"name":"guest-{vmid}","features":["base_setup","docker"]}}"#
            );
            fs::write(
                pve.join(format!("nodes/pve1/qemu-server/{vmid}.conf")),
                format!(
                    "agent: 1\ncores: 2\nhookscript: local:snippets/phoenix-hook.sh\nmemory: 2048\nname: guest-{vmid}\n"
                ),
            )?;
        }
        fs::write(
            pve.join(".vmlist"),
            format!(r#"{{"version":1,"ids":{{{ids}}}}}"#),
        )?;
        for folder in [
            "etc/phoenix",
            "run/phoenix",
            "run/qemu-server",
            "bin",
            "var/lib/vz/snippets",
        ] {
            fs::create_dir_all(node.root().join(folder))?;
        }
        for folder in ["tmp", "queue", "work", "rejected", "guests", "events"] {
            fs::create_dir_all(node.root().join("var/lib/phoenix").join(folder))?;
        }
        fs::write(
            node.root().join("etc/phoenix/phoenix_vm_configs.json"),
            format!(r#"{{"version":1,"vms":[{guests}]}}"#),
        )?;
        // What `qm guest cmd <vmid> ping` would be: 0 when the agent answers.
        node.executable(
            "bin/qm",
            "#!/bin/sh\n[ -S \"$PHOENIX_ROOT/run/qemu-server/$3.qga\" ]\n",
        )?;
        Ok(node)
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The socket of the guest's agent.
    pub(crate) fn agent_socket(&self) -> PathBuf {
        self.root().join(format!("run/qemu-server/{VMID}.qga"))
    }

    /// A hookscript in the snippets folder.
    pub(crate) fn install(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        self.executable(&format!("var/lib/vz/snippets/{name}"), text)
    }

    fn executable(&self, below: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.root().join(below);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    /// Fails when the measured calls did not do their work: one event each.
    pub(crate) fn check_queue(&self, expected: usize) -> io::Result<()> {
        let events = fs::read_dir(self.root().join("var/lib/phoenix/queue"))?.count();
        if events == expected {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{expected} calls of phoenix-hook left {events} events in the queue"
        )))
    }
}
