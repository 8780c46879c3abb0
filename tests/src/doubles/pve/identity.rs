//! What tells one guest from its clone: MAC addresses and UUIDs.

use std::fs;

use super::config::Config;

/// A random UUID, from the kernel.
fn uuid() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
    text.trim().to_owned()
}

/// A MAC address with Proxmox's prefix.
pub(super) fn mac() -> String {
    let random = uuid().to_uppercase();
    format!(
        "BC:24:11:{}:{}:{}",
        &random[..2],
        &random[2..4],
        &random[4..6]
    )
}

/// `virtio=BC:24:11:…,bridge=vmbr0` with another address; `virtio,bridge=vmbr0` gets its first.
pub(super) fn with_new_mac(value: &str) -> String {
    let (model, rest) = value.split_once(',').unwrap_or((value, ""));
    let model = model.split('=').next().unwrap_or_default();
    let comma = if rest.is_empty() { "" } else { "," };
    format!("{model}={}{comma}{rest}", mac())
}

/// Gives a configuration its own UUIDs.
pub(super) fn renew(config: &mut Config) {
    let smbios = config.get("smbios1").unwrap_or_default().to_owned();
    let mut parts: Vec<String> = smbios
        .split(',')
        .filter(|part| !part.is_empty() && !part.starts_with("uuid="))
        .map(str::to_owned)
        .collect();
    parts.insert(0, format!("uuid={}", uuid()));
    config.current.insert("smbios1".to_owned(), parts.join(","));
    config.current.insert("vmgenid".to_owned(), uuid());
}
