//! What the node and its guests look like to those who ask.

use serde_json::{Map, Value, json};

use super::config::Config;
use super::machine::Machines;
use super::node::{Kind, Node};
use crate::lab::control::QemuStatus;

/// When a guest starts with the node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Startup {
    pub(super) vmid: u32,
    pub(super) onboot: bool,
    pub(super) up_seconds: u64,
    order: u64,
}

/// Guests in start order: `startup: order=N`, those without one last, then by vmid.
pub(super) fn startup_order(node: &Node) -> Vec<Startup> {
    let mut guests: Vec<Startup> = node
        .guests(Kind::Qemu)
        .into_iter()
        .filter_map(|vmid| Some(startup(vmid, &node.config(Kind::Qemu, vmid).ok()?)))
        .collect();
    guests.sort_by_key(|guest| (guest.order, guest.vmid));
    guests
}

fn startup(vmid: u32, config: &Config) -> Startup {
    let startup = config.get("startup").unwrap_or_default();
    let part = |name: &str| {
        let mut parts = startup.split(',').filter_map(|part| part.split_once('='));
        parts.find(|(key, _)| *key == name)?.1.parse().ok()
    };
    let bare = startup
        .split(',')
        .next()
        .and_then(|first| first.parse().ok());
    Startup {
        vmid,
        onboot: config.get("onboot") == Some("1"),
        up_seconds: part("up").unwrap_or(0),
        order: part("order").or(bare).unwrap_or(u64::MAX),
    }
}

/// `stopped`, `running`, `paused`: what `qm status` says.
pub(super) fn status_word(node: &Node, vmid: u32) -> &'static str {
    match Machines::of(node).status(vmid) {
        None => "stopped",
        Some(QemuStatus::Running) => "running",
        Some(QemuStatus::Paused) => "paused",
        Some(QemuStatus::Prelaunch) => "prelaunch",
        Some(QemuStatus::Inmigrate) => "inmigrate",
    }
}

fn number(config: &Config, key: &str, default: u64) -> u64 {
    config
        .get(key)
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

pub(super) fn memory_mib(config: &Config) -> u64 {
    number(config, "memory", 512)
}

/// Size of the boot disk in bytes, from `size=` of the first disk.
pub(super) fn disk_bytes(config: &Config) -> u64 {
    let disks = ["scsi0", "virtio0", "sata0", "ide0", "rootfs"];
    let disk = disks
        .iter()
        .find_map(|key| config.get(key))
        .unwrap_or_default();
    let size = disk
        .split(',')
        .find_map(|part| part.strip_prefix("size="))
        .unwrap_or("0");
    size_bytes(size).unwrap_or(0)
}

/// `10G`, `512M`, or plain bytes.
pub(super) fn size_bytes(text: &str) -> Option<u64> {
    let unit = |suffix: char| match suffix {
        'K' => Some(10),
        'M' => Some(20),
        'G' => Some(30),
        'T' => Some(40),
        _ => None,
    };
    match text.chars().last().and_then(unit) {
        Some(shift) => Some(text[..text.len() - 1].parse::<u64>().ok()? << shift),
        None => text.parse().ok(),
    }
}

/// An entry of `/nodes/<node>/qemu`.
pub(super) fn guest_entry(node: &Node, vmid: u32, config: &Config, full: bool) -> Value {
    let status = status_word(node, vmid);
    let running = status != "stopped";
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| drop(entry.insert(key.to_owned(), value));
    let cpus = number(config, "cores", 1) * number(config, "sockets", 1);
    put("vmid", json!(vmid));
    put("status", json!(if running { "running" } else { "stopped" }));
    put("cpus", json!(cpus));
    put("maxmem", json!(memory_mib(config) << 20));
    put("maxdisk", json!(disk_bytes(config)));
    for key in ["cpu", "disk", "mem", "memhost", "netin", "netout", "uptime"] {
        put(key, json!(0));
    }
    for key in ["name", "lock", "tags"] {
        if let Some(value) = config.get(key) {
            put(key, json!(value));
        }
    }
    if config.get("serial0").is_some() {
        put("serial", json!(1));
    }
    if config.get("template") == Some("1") {
        put("template", json!(1));
    }
    if running {
        put("pid", json!(1));
    }
    if full {
        put("qmpstatus", json!(status));
    }
    Value::Object(entry)
}

/// `/nodes/<node>/qemu/<vmid>/status/current`.
pub(super) fn status_current(node: &Node, vmid: u32, config: &Config) -> Value {
    let mut entry = guest_entry(node, vmid, config, true);
    if super::agent::is_enabled(config) {
        entry["agent"] = json!(1);
    }
    entry["clipboard"] = Value::Null;
    entry["ha"] = json!({"managed": 0});
    entry
}

/// An entry of `/cluster/resources`, as with pvestatd running.
pub(super) fn resource_entry(node: &Node, vmid: u32, config: &Config) -> Value {
    let mut entry = Map::new();
    let listed = guest_entry(node, vmid, config, true);
    for (key, value) in listed.as_object().into_iter().flatten() {
        match key.as_str() {
            "cpus" => drop(entry.insert("maxcpu".to_owned(), value.clone())),
            "serial" | "pid" | "qmpstatus" => {}
            _ => drop(entry.insert(key.clone(), value.clone())),
        }
    }
    let mut put = |key: &str, value: Value| drop(entry.insert(key.to_owned(), value));
    put("id", json!(format!("qemu/{vmid}")));
    put("node", json!(node.name()));
    put("type", json!("qemu"));
    put("diskread", json!(0));
    put("diskwrite", json!(0));
    put(
        "template",
        json!(u8::from(config.get("template") == Some("1"))),
    );
    // Here a paused guest shows as such; in the node's list it runs.
    if status_word(node, vmid) == "paused" {
        put("status", json!("paused"));
    }
    Value::Object(entry)
}

/// Keys that Proxmox gives as JSON numbers.
const NUMBERS: [&str; 9] = [
    "cores",
    "sockets",
    "onboot",
    "kvm",
    "template",
    "vcpus",
    "protection",
    "balloon",
    "numa",
];

fn shown_value(key: &str, value: &str) -> Value {
    let number = || {
        NUMBERS
            .contains(&key)
            .then(|| value.parse::<u64>().ok())
            .flatten()
    };
    match number() {
        Some(number) => json!(number),
        None if key == "cipassword" => json!("**********"),
        None => json!(value),
    }
}

fn shown_description(config: &Config) -> String {
    let lines: Vec<String> = config.description.iter().map(|line| decode(line)).collect();
    lines.join("\n")
}

/// `/nodes/<node>/qemu/<vmid>/config`.
pub(super) fn config_json(config: &Config, current: bool) -> Value {
    let values = if current {
        config.current.clone()
    } else {
        config.wanted()
    };
    let mut shown = Map::new();
    for (key, value) in values {
        let value = shown_value(&key, &value);
        shown.insert(key, value);
    }
    if !config.description.is_empty() {
        let text = shown_description(config);
        shown.insert("description".to_owned(), json!(text));
    }
    shown.insert("digest".to_owned(), json!(config.digest()));
    shown.sort_keys();
    Value::Object(shown)
}

/// `/nodes/<node>/qemu/<vmid>/pending`: every key with its value now and later.
pub(super) fn pending_json(config: &Config) -> Value {
    let mut keys: Vec<&String> = config.current.keys().chain(config.pending.keys()).collect();
    keys.sort();
    keys.dedup();
    let deleted = config.pending.get("delete").map_or("", String::as_str);
    let mut entries = vec![json!({"key": "digest", "value": config.digest()})];
    if !config.description.is_empty() {
        entries.push(json!({"key": "description", "value": shown_description(config)}));
    }
    for key in keys.into_iter().filter(|key| *key != "delete") {
        let mut entry = Map::new();
        entry.insert("key".to_owned(), json!(key));
        if let Some(value) = config.current.get(key) {
            entry.insert("value".to_owned(), shown_value(key, value));
        }
        if let Some(value) = config.pending.get(key) {
            entry.insert("pending".to_owned(), shown_value(key, value));
        }
        if deleted.split(',').any(|gone| gone == key) {
            entry.insert("delete".to_owned(), json!(1));
        }
        entries.push(Value::Object(entry));
    }
    Value::Array(entries)
}

/// `/nodes/<node>/qemu/<vmid>/cloudinit`: the image's values, and those it does not have yet.
pub(super) fn cloud_init_json(config: &Config) -> Value {
    let keys = [
        "searchdomain",
        "sshkeys",
        "ciuser",
        "cipassword",
        "nameserver",
    ];
    let set = keys.iter().filter_map(|key| Some((*key, config.get(key)?)));
    let entries = set.map(|(key, value)| match config.cloud_init.get(key) {
        Some(old) => json!({"key": key, "value": shown_value(key, old),
            "pending": shown_value(key, value)}),
        None => json!({"key": key, "value": shown_value(key, value)}),
    });
    entries.collect()
}

/// Guests on other nodes: what `.vmlist` and their files tell, without pvestatd's data.
pub(super) fn guests_elsewhere(node: &Node) -> Vec<Value> {
    let entry = |(owner, vmid): (String, u32)| {
        json!({"id": format!("qemu/{vmid}"), "node": owner, "status": "unknown", "type": "qemu",
            "vmid": vmid})
    };
    node.guests_elsewhere().into_iter().map(entry).collect()
}

/// Percent-decoding.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
