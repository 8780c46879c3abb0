//! The fake node's `/etc/pve`, laid out as pmxcfs shows it (a plain folder: no quorum, no locks).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::LabError;
use super::layout::Layout;
use super::spec::{GuestSpec, LabSpec, NODE_NAME};
use super::suite::Suite;
use super::up::program;

/// The volume id under which the guests' hookscript is set.
pub const HOOKSCRIPT: &str = "local:snippets/phoenix-hook.sh";

/// What is on a template's disk, and so on its clones': what a light guest of it is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DiskContent {
    pub(crate) suite: Suite,
    pub(crate) docker: bool,
}

const STORAGE: &str =
    "dir: local\n\tpath /var/lib/vz\n\tcontent images,iso,vztmpl,backup,snippets\n\n";

/// Makes the folders that the node and the relays share, and the guests' configurations.
pub(super) fn create(layout: &Layout, spec: &LabSpec) -> Result<(), LabError> {
    let run = layout.run_qemu_server();
    fs::create_dir_all(&run).map_err(LabError::path("create", &run))?;
    let root = layout.etc_pve();
    let own = root.join("nodes").join(NODE_NAME);
    for folder in ["qemu-server", "lxc", "priv"] {
        let folder = own.join(folder);
        fs::create_dir_all(&folder).map_err(LabError::path("create", &folder))?;
    }
    for (name, target) in [
        ("local", format!("nodes/{NODE_NAME}")),
        ("qemu-server", format!("nodes/{NODE_NAME}/qemu-server")),
        ("lxc", format!("nodes/{NODE_NAME}/lxc")),
    ] {
        let place = root.join(name);
        symlink(target, &place).map_err(LabError::path("link", &place))?;
    }
    write(&root.join("storage.cfg"), STORAGE)?;
    write(
        &root.join(".members"),
        &json!({"nodename": NODE_NAME, "version": 0}).to_string(),
    )?;
    for guest in &spec.guests {
        write_config(&root, guest)?;
    }
    write_vmlist(&root)?;
    if spec.node.is_some() {
        install_tools(layout)?;
        for guest in &spec.guests {
            write_disk(layout, guest)?;
        }
    }
    Ok(())
}

/// Puts the doubles and Proxmox's folders into the node's file system before it boots.
fn install_tools(layout: &Layout) -> Result<(), LabError> {
    let upper = layout.machine(NODE_NAME).folder().join("upper");
    for folder in ["usr/sbin", "var/lib/vz/snippets", "var/log/pve/tasks"] {
        let folder = upper.join(folder);
        fs::create_dir_all(&folder).map_err(LabError::path("create", &folder))?;
    }
    let double = program("pve-double")?;
    for tool in ["qm", "pct", "pvesh", "pvesm"] {
        let place = upper.join("usr/sbin").join(tool);
        fs::copy(&double, &place).map_err(LabError::path("write", &place))?;
    }
    Ok(())
}

/// The image behind a guest's `scsi0` line, if it has one.
fn write_disk(layout: &Layout, guest: &GuestSpec) -> Result<(), LabError> {
    let lines = guest.config_lines.iter();
    let mut volumes =
        lines.filter_map(|line| line.strip_prefix("scsi0: local:")?.split(',').next());
    let Some(volume) = volumes.next() else {
        return Ok(());
    };
    let upper = layout.machine(NODE_NAME).folder().join("upper");
    let image = upper.join("var/lib/vz/images").join(volume);
    if let Some(folder) = image.parent() {
        fs::create_dir_all(folder).map_err(LabError::path("create", folder))?;
    }
    let content = json!(DiskContent {
        suite: guest.suite,
        docker: guest.docker,
    });
    write(&image, &content.to_string())
}

/// Writes a guest's configuration, as `qm config` would read it.
pub(super) fn write_config(root: &Path, guest: &GuestSpec) -> Result<(), LabError> {
    let mib = guest.memory_bytes.unwrap_or(2 << 30) >> 20;
    let (folder, start) = if guest.is_container() {
        let mac = format!("{:02X}", guest.vmid.get() & 0xff);
        let text = format!(
            "arch: amd64\ncores: 2\nhostname: {}\nmemory: {mib}\nnet0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:01:00:{mac},type=veth\n\
             ostype: debian\nswap: 512\n",
            guest.name
        );
        ("lxc", text)
    } else {
        ("qemu-server", virtual_machine(guest, mib))
    };
    let mut text = start;
    for line in &guest.config_lines {
        text += line;
        text.push('\n');
    }
    write(
        &root.join(format!("nodes/{NODE_NAME}/{folder}/{}.conf", guest.vmid)),
        &text,
    )
}

fn virtual_machine(guest: &GuestSpec, mib: u64) -> String {
    format!(
        "agent: 1\ncores: 2\nmemory: {mib}\nname: {}\nnet0: virtio=BC:24:11:00:{:02X}:{:02X},bridge=vmbr0\n\
         ostype: l26\nscsihw: virtio-scsi-pci\n",
        guest.name,
        guest.vmid.get() >> 8 & 0xff,
        guest.vmid.get() & 0xff
    )
}

/// `.vmlist` from the configurations that are there.
pub(crate) fn write_vmlist(root: &Path) -> Result<(), LabError> {
    let mut ids = Map::new();
    for node in names(&root.join("nodes")) {
        for (folder, kind) in [("qemu-server", "qemu"), ("lxc", "lxc")] {
            for file in names(&root.join("nodes").join(&node).join(folder)) {
                if let Some(vmid) = file.strip_suffix(".conf") {
                    let entry = json!({"node": node, "type": kind, "version": ids.len() + 1});
                    ids.insert(vmid.to_owned(), entry);
                }
            }
        }
    }
    let list = json!({"version": ids.len() + 1, "ids": Value::Object(ids)});
    // Renamed into place: a reader sees one list or the other.
    let place = root.join(".vmlist");
    let fresh = root.join(".vmlist.new");
    write(&fresh, &format!("{list:#}\n"))?;
    fs::rename(&fresh, &place).map_err(LabError::path("rename into", &place))
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
    let mut names: Vec<String> = entries.flatten().filter_map(name).collect();
    names.sort();
    names
}

fn write(file: &Path, content: &str) -> Result<(), LabError> {
    fs::write(file, content).map_err(LabError::path("write", file))
}
