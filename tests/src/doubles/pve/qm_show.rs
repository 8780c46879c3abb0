//! What `qm` prints of a node's guests.

use serde_json::Value;

use super::arguments::Arguments;
use super::error::PveError;
use super::node::{Kind, Node};
use super::{resources, say};

pub(super) fn status(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    if !arguments.flag("verbose") {
        say(&format!("status: {}", resources::status_word(node, vmid)));
        return Ok(());
    }
    let mut entry = resources::guest_entry(node, vmid, &config, true);
    if let Some(entry) = entry.as_object_mut() {
        entry.sort_keys();
    }
    for (key, value) in entry.as_object().into_iter().flatten() {
        say(&format!("{key}: {}", plain(value)));
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn list(node: &Node) -> Result<(), PveError> {
    let guests = node.guests(Kind::Qemu);
    if guests.is_empty() {
        return Ok(());
    }
    say(&format!(
        "{:>10} {:<20} {:<10} {:<10} {:>12} {:<10}",
        "VMID", "NAME", "STATUS", "MEM(MB)", "BOOTDISK(GB)", "PID"
    ));
    for vmid in guests {
        let config = node.config(Kind::Qemu, vmid)?;
        let running = resources::status_word(node, vmid) != "stopped";
        let hundredths = (resources::disk_bytes(&config) * 100) >> 30;
        let disk = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        say(&format!(
            "{vmid:>10} {:<20} {:<10} {:<10} {disk:>12} {:<10}",
            config.get("name").unwrap_or("-"),
            if running { "running" } else { "stopped" },
            resources::memory_mib(&config),
            u8::from(running),
        ));
    }
    Ok(())
}

pub(super) fn config(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    let current = arguments.flag("current");
    let mut values = if current {
        config.current.clone()
    } else {
        config.wanted()
    };
    if !config.description.is_empty() {
        values.insert("description".to_owned(), config.description.join("%0A"));
    }
    for (key, value) in values {
        let value = if key == "cipassword" {
            "**********"
        } else {
            &value
        };
        say(&format!("{key}: {value}"));
    }
    Ok(())
}

pub(super) fn pending(node: &Node, vmid: u32) -> Result<(), PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    let mut keys: Vec<&String> = config.current.keys().chain(config.pending.keys()).collect();
    keys.sort();
    keys.dedup();
    let deleted = config
        .pending
        .get("delete")
        .map(String::as_str)
        .unwrap_or_default();
    let description = "description".to_owned();
    if !config.description.is_empty() {
        keys.push(&description);
        keys.sort();
    }
    for key in keys.into_iter().filter(|key| *key != "delete") {
        if *key == description {
            say(&format!(
                "cur description: {}",
                config.description.join("%0A")
            ));
        }
        let hidden = |value: &String| {
            if key == "cipassword" {
                "**********".to_owned()
            } else {
                value.clone()
            }
        };
        if let Some(value) = config.current.get(key) {
            say(&format!("cur {key}: {}", hidden(value)));
        }
        if let Some(value) = config.pending.get(key) {
            say(&format!("new {key}: {}", hidden(value)));
        }
        if deleted.split(',').any(|gone| gone == key) {
            say(&format!("del {key}"));
        }
    }
    Ok(())
}

/// JSON as Perl's encoder prints it: three blanks, and one before the colon.
pub(super) fn say_pretty(answer: &Value) {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"   ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    if serde::Serialize::serialize(answer, &mut serializer).is_ok() {
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().map(|line| line.replacen("\": ", "\" : ", 1));
        say(&lines.collect::<Vec<_>>().join("\n"));
    }
}
