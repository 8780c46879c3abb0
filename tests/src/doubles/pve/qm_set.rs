//! `qm set`, `resize`, `unlock`: changes of a guest's configuration.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;

use super::arguments::Arguments;
use super::config::Config;
use super::error::PveError;
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::qm::usage;
use super::{resources, say};

/// What a running guest takes only at its next start.
const PENDING: [&str; 9] = [
    "agent", "cores", "sockets", "memory", "cpu", "serial0", "vga", "bios", "machine",
];

/// Options of the call itself.
const OF_THE_CALL: [&str; 4] = ["digest", "skiplock", "force", "background_delay"];

pub(super) fn set(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let options = &arguments.options;
    let changes: Vec<(&String, &String)> = options
        .iter()
        .filter(|(key, _)| !OF_THE_CALL.contains(&key.as_str()))
        .collect();
    for (key, value) in &changes {
        check(node, key, value)?;
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
        apply(&mut config, key, value, running);
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

/// What Proxmox refuses before it looks at the guest, of what Phoenix may send.
fn check(node: &Node, key: &str, value: &str) -> Result<(), PveError> {
    let usage = usage("set");
    let wrong = |text: String| Err(PveError::Parameter(format!("{key}: {text}\n{usage}")));
    match key {
        "cores" | "sockets" => match value.parse::<i64>() {
            Err(_) => wrong(format!("type check ('integer') failed - got '{value}'")),
            Ok(..1) => wrong("value must have a minimum value of 1".to_owned()),
            Ok(_) => Ok(()),
        },
        "memory" if value.parse::<u64>().is_ok_and(|mib| mib < 16) => wrong(
            "invalid format - format error\nmemory.current: value must have a minimum value of 16\n"
                .to_owned(),
        ),
        "onboot" | "protection" if !matches!(value, "0" | "1") => {
            wrong(format!("type check ('boolean') failed - got '{value}'"))
        }
        "startup" if !startup_is_valid(value) => {
            wrong("invalid format - unable to parse startup options\n".to_owned())
        }
        "hookscript" => check_hookscript(node, value),
        _ => Ok(()),
    }
}

fn startup_is_valid(value: &str) -> bool {
    value.split(',').all(|part| {
        let number = part.split_once('=').map_or(part, |(key, number)| {
            if ["order", "up", "down"].contains(&key) {
                number
            } else {
                ""
            }
        });
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn check_hookscript(node: &Node, volume: &str) -> Result<(), PveError> {
    let Some(path) = node.snippet(volume) else {
        let text = format!("hookscript: unable to parse volume ID '{volume}'");
        return Err(PveError::died(255, text));
    };
    // A link is followed; a dangling one counts as missing.
    let Ok(metadata) = path.metadata() else {
        let text = format!("hookscript: script '{}' does not exist", path.display());
        return Err(PveError::died(2, text));
    };
    if metadata.permissions().mode() & 0o111 == 0 {
        let text = format!("hookscript: script '{}' is not executable", path.display());
        return Err(PveError::died(255, text));
    }
    Ok(())
}

pub(super) fn resize(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let [_, disk, size] = arguments.words.as_slice() else {
        let text = format!("400 not enough arguments\n{}", usage("resize"));
        return Err(PveError::Usage(text));
    };
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
    let wanted = match size.strip_prefix('+') {
        Some(more) => resources::size_bytes(more).map(|more| old_bytes + more),
        None => resources::size_bytes(size),
    };
    let wanted = wanted.ok_or_else(|| PveError::usage("400 Parameter verification failed."))?;
    if wanted < old_bytes {
        return Err(PveError::died(255, "shrinking disks is not supported"));
    }
    let shown = format!("size={}", shown_size(wanted));
    config
        .current
        .insert(disk.clone(), value.replace(&format!("size={old}"), &shown));
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
