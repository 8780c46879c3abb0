//! `qm set`, `resize`, `unlock`: changes of a guest's configuration.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::arguments::Arguments;
use super::config::Config;
use super::error::PveError;
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::power::Job;
use super::qm_check::checked;
use super::task::{self, Show};
use super::{resources, say, warn};

/// What a running guest takes only at its next start.
const PENDING: [&str; 9] = [
    "agent", "cores", "sockets", "memory", "cpu", "serial0", "vga", "bios", "machine",
];

/// Options of the call itself.
const OF_THE_CALL: [&str; 4] = ["digest", "skiplock", "force", "background_delay"];

pub(super) fn set(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let options = &arguments.options;
    let mut changes = BTreeMap::new();
    for (key, value) in options {
        if !OF_THE_CALL.contains(&key.as_str()) {
            changes.insert(key, checked(node, key, value)?);
        }
    }
    if changes.is_empty() {
        return Err(PveError::usage("no options specified"));
    }
    node.config(Kind::Qemu, vmid)?;
    let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Tool)?;
    let mut config = node.config(Kind::Qemu, vmid)?;
    if options
        .get("digest")
        .is_some_and(|digest| *digest != config.digest())
    {
        return Err(PveError::died(
            255,
            "checksum mismatch (file change by other user?)",
        ));
    }
    if !arguments.flag("skiplock") {
        super::power::check_lock(&config)?;
    }
    let running = Machines::of(node).status(vmid).is_some();
    let told: Vec<String> = changes
        .iter()
        .map(|(key, value)| told(key, value))
        .collect();
    say(&format!("update VM {vmid}: {}", told.join(" ")));
    for (key, value) in changes {
        apply(&mut config, key, &value, running);
    }
    node.write_config(Kind::Qemu, vmid, &config)
}

fn told(key: &str, value: &str) -> String {
    let value = if key == "cipassword" {
        "<hidden>"
    } else {
        value
    };
    format!("-{key} {value}")
}

fn apply(config: &mut Config, key: &str, value: &str, running: bool) {
    match key {
        "delete" => {
            for gone in value.split(',') {
                config.pending.remove(gone);
                if running && PENDING.contains(&gone) && config.current.contains_key(gone) {
                    let list = config.pending.entry("delete".to_owned()).or_default();
                    if !list.is_empty() {
                        list.push(',');
                    }
                    list.push_str(gone);
                } else {
                    config.current.remove(gone);
                }
            }
        }
        "revert" => {
            for key in value.split(',') {
                config.pending.remove(key);
            }
        }
        "description" => config.description = value.lines().map(encode).collect(),
        _ if running && PENDING.contains(&key) => {
            config.pending.insert(key.to_owned(), value.to_owned());
        }
        _ => {
            config.current.insert(key.to_owned(), value.to_owned());
        }
    }
}

/// Percent-encoding, as descriptions are stored.
fn encode(line: &str) -> String {
    line.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii() && byte != b'%' && byte != b':' {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// `qm resize`: the task's failure is told, the tool itself ends with 0 (recorded).
pub(super) fn resize(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let usage = "qm disk resize <vmid> <disk> <size> [OPTIONS]";
    let [_, disk, size] = arguments.words.as_slice() else {
        return Err(PveError::Usage(format!(
            "400 not enough arguments\n{usage}"
        )));
    };
    if !is_disk(disk) {
        return Err(PveError::Parameter(format!(
            "disk: value '{disk}' does not have a value in the enumeration '{}'\n{usage}",
            disks().collect::<Vec<_>>().join(", ")
        )));
    }
    if resources::size_bytes(size.trim_start_matches('+')).is_none() {
        let wrong = "size: value does not match the regex pattern";
        return Err(PveError::Parameter(format!("{wrong}\n{usage}")));
    }
    let job = Job::Resize {
        vmid,
        disk: disk.clone(),
        size: size.clone(),
    };
    match task::run(node, "resize", Some(vmid), job, Show::Stdout) {
        Err(PveError::Task(wrong)) => {
            warn(&wrong);
            Ok(())
        }
        other => other.map(drop),
    }
}

/// Disks in the order of Proxmox's schema.
fn disks() -> impl Iterator<Item = String> {
    let buses = [
        ("ide", 4),
        ("scsi", 31),
        ("virtio", 16),
        ("sata", 6),
        ("efidisk", 1),
        ("tpmstate", 1),
    ];
    let numbered = |(bus, count): (&'static str, u32)| (0..count).map(move |n| format!("{bus}{n}"));
    buses.into_iter().flat_map(numbered)
}

fn is_disk(name: &str) -> bool {
    disks().any(|disk| disk == name)
}

/// The task's work.
pub(super) fn grow(node: &Node, vmid: u32, disk: &str, size: &str) -> Result<(), PveError> {
    let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Task)?;
    let mut config = node.config(Kind::Qemu, vmid)?;
    super::power::check_lock(&config)?;
    let Some(value) = config.current.get(disk).cloned() else {
        return Err(PveError::died(255, format!("disk '{disk}' does not exist")));
    };
    let old = value
        .split(',')
        .find_map(|part| part.strip_prefix("size="))
        .unwrap_or("0")
        .to_owned();
    let old_bytes = resources::size_bytes(&old).unwrap_or(0);
    let asked = resources::size_bytes(size.trim_start_matches('+')).unwrap_or(0);
    let wanted = if size.starts_with('+') {
        old_bytes + asked
    } else {
        asked
    };
    if wanted < old_bytes {
        return Err(PveError::died(255, "shrinking disks is not supported"));
    }
    if wanted == old_bytes {
        return Ok(());
    }
    say("Image resized.");
    let shown = format!("size={}", shown_size(wanted));
    let value = value.replace(&format!("size={old}"), &shown);
    config.current.insert(disk.to_owned(), value);
    node.write_config(Kind::Qemu, vmid, &config)
}

fn shown_size(bytes: u64) -> String {
    [(30, 'G'), (20, 'M'), (10, 'K')]
        .into_iter()
        .find(|(shift, _)| bytes.is_multiple_of(1 << shift))
        .map_or_else(
            || bytes.to_string(),
            |(shift, unit)| format!("{}{unit}", bytes >> shift),
        )
}

/// An unlocked guest is no error.
pub(super) fn unlock(node: &Node, vmid: u32) -> Result<(), PveError> {
    let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Tool)?;
    let mut config = node.config(Kind::Qemu, vmid)?;
    config.current.remove("lock");
    node.write_config(Kind::Qemu, vmid, &config)
}
