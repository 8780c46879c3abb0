//! `qm set` and `unlock`, and the same by `pvesh`: changes of a guest's configuration.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::arguments::Arguments;
use super::config::Config;
use super::error::PveError;
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::qm_check::{Caller, checked};
use super::say;
use super::volume;

/// What a running guest takes only at its next start.
const PENDING: [&str; 9] = [
    "agent", "cores", "sockets", "memory", "cpu", "serial0", "vga", "bios", "machine",
];

/// What cloud-init's image holds; a running guest has the old image until its next start.
const CLOUD_INIT: [&str; 8] = [
    "name",
    "ciuser",
    "cipassword",
    "citype",
    "sshkeys",
    "nameserver",
    "searchdomain",
    "ciupgrade",
];

/// Options of the call itself.
const OF_THE_CALL: [&str; 4] = ["digest", "skiplock", "force", "background_delay"];

/// Options that have been checked, to be written under the guest's lock.
#[derive(Debug)]
pub(super) struct Changes {
    values: BTreeMap<String, String>,
    digest: Option<String>,
    skip_lock: bool,
}

/// `qm set`.
pub(super) fn set(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    Changes::checked(node, &arguments.options, Caller::Qm)?.apply(node, vmid, Teller::Tool)
}

impl Changes {
    pub(super) fn checked(
        node: &Node,
        options: &BTreeMap<String, String>,
        caller: Caller,
    ) -> Result<Self, PveError> {
        let mut values = BTreeMap::new();
        for (key, value) in options {
            if !OF_THE_CALL.contains(&key.as_str()) {
                values.insert(key.clone(), checked(node, key, value, caller)?);
            }
        }
        if values.is_empty() {
            return Err(PveError::usage("no options specified"));
        }
        Ok(Self {
            values,
            digest: options.get("digest").cloned(),
            skip_lock: options.get("skiplock").is_some_and(|value| value == "1"),
        })
    }

    pub(super) fn apply(self, node: &Node, vmid: u32, teller: Teller) -> Result<(), PveError> {
        node.config(Kind::Qemu, vmid)?;
        let _held = lock(node, Kind::Qemu, vmid, WAIT, teller)?;
        let mut config = node.config(Kind::Qemu, vmid)?;
        if self.digest.is_some_and(|digest| digest != config.digest()) {
            let text = "checksum mismatch (file change by other user?)";
            return Err(PveError::died(255, text));
        }
        if !self.skip_lock {
            super::power::check_lock(&config)?;
        }
        node.check_writable()?;
        let running = Machines::of(node).status(vmid).is_some();
        let told: Vec<String> = self
            .values
            .iter()
            .map(|(key, value)| told(key, value))
            .collect();
        say(&format!("update VM {vmid}: {}", told.join(" ")));
        for (key, value) in &self.values {
            change(&mut config, key, value, running);
        }
        node.write_config(Kind::Qemu, vmid, &config)
    }
}

fn told(key: &str, value: &str) -> String {
    let value = if key == "cipassword" {
        "<hidden>"
    } else {
        value
    };
    format!("-{key} {value}")
}

fn change(config: &mut Config, key: &str, value: &str, running: bool) {
    match key {
        "delete" => {
            for gone in value.split(',') {
                delete(config, gone, running);
            }
        }
        "revert" => {
            for key in value.split(',') {
                config.pending.remove(key);
            }
        }
        "tags" => drop(
            config
                .current
                .insert(key.to_owned(), value.replace([',', ' '], ";")),
        ),
        "description" => config.description = description_lines(value),
        _ if running && PENDING.contains(&key) => {
            config.pending.insert(key.to_owned(), value.to_owned());
        }
        _ => {
            remember_image(config, key, running);
            config.current.insert(key.to_owned(), value.to_owned());
        }
    }
}

fn delete(config: &mut Config, gone: &str, running: bool) {
    config.pending.remove(gone);
    if gone == "description" {
        config.description.clear();
    } else if running && PENDING.contains(&gone) && config.current.contains_key(gone) {
        let list = config.pending.entry("delete".to_owned()).or_default();
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(gone);
    } else {
        remember_image(config, gone, running);
        config.current.remove(gone);
    }
}

/// Keeps the value that a running guest's cloud-init image still has.
fn remember_image(config: &mut Config, key: &str, running: bool) {
    let in_image = CLOUD_INIT.contains(&key) || key.starts_with("ipconfig");
    let has_image = volume::drives(config)
        .iter()
        .any(volume::Drive::is_cloudinit);
    if !running || !in_image || !has_image || config.cloud_init.contains_key(key) {
        return;
    }
    if let Some(old) = config.current.get(key).cloned() {
        config.cloud_init.insert(key.to_owned(), old);
        return;
    }
    let added = config.cloud_init.entry("added".to_owned()).or_default();
    if !added.split(',').any(|known| known == key) {
        if !added.is_empty() {
            added.push(',');
        }
        added.push_str(key);
    }
}

/// A description as the file's `#` lines.
pub(super) fn description_lines(text: &str) -> Vec<String> {
    text.lines().map(encode).collect()
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

/// An unlocked guest is no error.
pub(super) fn unlock(node: &Node, vmid: u32) -> Result<(), PveError> {
    let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Tool)?;
    let mut config = node.config(Kind::Qemu, vmid)?;
    config.current.remove("lock");
    node.write_config(Kind::Qemu, vmid, &config)
}
