//! What `qm set` refuses before it looks at the guest, of what Phoenix or an operator may send.

use std::os::unix::fs::PermissionsExt;

use super::error::PveError;
use super::node::Node;
use super::qm::usage;

/// Keys of a guest's configuration, without the numbers that some have at their end.
const KEYS: [&str; 40] = [
    "agent",
    "args",
    "balloon",
    "bios",
    "boot",
    "cicustom",
    "cipassword",
    "citype",
    "ciuser",
    "cores",
    "cpu",
    "description",
    "efidisk",
    "hookscript",
    "ide",
    "ipconfig",
    "kvm",
    "machine",
    "memory",
    "name",
    "nameserver",
    "net",
    "numa",
    "onboot",
    "ostype",
    "protection",
    "sata",
    "scsi",
    "scsihw",
    "searchdomain",
    "serial",
    "smbios",
    "sockets",
    "sshkeys",
    "startup",
    "tags",
    "vga",
    "virtio",
    "vmgenid",
    "lock",
];

/// The value as it will be stored.
pub(super) fn checked(node: &Node, key: &str, value: &str) -> Result<String, PveError> {
    let wrong = |text: &str| {
        Err(PveError::Parameter(format!(
            "{key}: {text}\n{}",
            usage("set")
        )))
    };
    let integer = || wrong(&format!("type check ('integer') failed - got '{value}'"));
    match key {
        "delete" | "revert" => match value.split(',').find(|gone| !is_known(gone)) {
            Some(gone) => wrong(&format!("unknown option '{gone}'")),
            None => Ok(value.to_owned()),
        },
        _ if !is_known(key) => Err(PveError::Usage(format!(
            "Unknown option: {key}\n400 unable to parse option\n{}",
            usage("set")
        ))),
        "cores" | "sockets" => match value.parse::<i64>() {
            Err(_) => integer(),
            Ok(..1) => wrong("value must have a minimum value of 1"),
            Ok(_) => Ok(value.to_owned()),
        },
        "memory" if value.parse::<u64>().is_ok_and(|mib| mib < 16) => wrong(
            "invalid format - format error\nmemory.current: value must have a minimum value of 16\n",
        ),
        "onboot" | "protection" if !matches!(value, "0" | "1") => {
            wrong(&format!("type check ('boolean') failed - got '{value}'"))
        }
        "hookscript" => check_hookscript(node, value).map(|()| value.to_owned()),
        "sshkeys" => read_keys(value),
        _ => match format_error(key, value) {
            Some(text) => wrong(&format!("invalid format - {text}\n")),
            None => Ok(value.to_owned()),
        },
    }
}

fn is_known(key: &str) -> bool {
    KEYS.contains(&key.trim_end_matches(|last: char| last.is_ascii_digit()))
}

/// Values with a format of their own.
fn format_error(key: &str, value: &str) -> Option<String> {
    let is_true_or_false = |text: &str| matches!(text, "0" | "1" | "on" | "off" | "yes" | "no");
    match key {
        "startup" if !startup_is_valid(value) => Some("unable to parse startup options".into()),
        "tags" if !value.split([',', ';', ' ']).all(tag_is_valid) => {
            Some("invalid characters in tag".into())
        }
        "agent" => {
            let first = value.split(',').next().unwrap_or_default();
            let enabled = first.strip_prefix("enabled=").unwrap_or(first);
            (!enabled.contains('=') && !is_true_or_false(enabled)).then(|| {
                format!(
                    "format error\nagent.enabled: type check ('boolean') failed - got '{enabled}'"
                )
            })
        }
        _ if key.starts_with("ipconfig") => address_error(key, value),
        _ => None,
    }
}

fn address_error(key: &str, value: &str) -> Option<String> {
    if value.split(',').any(|part| !part.contains('=')) {
        return Some("value without key, but schema does not define a default key".into());
    }
    let address = value.split(',').find_map(|part| part.strip_prefix("ip="))?;
    (address != "dhcp" && !address.contains('/')).then(|| {
        format!(
            "format error\n{key}.ip: invalid format - value does not look like a valid ipv4 network \
             configuration\n"
        )
    })
}

fn startup_is_valid(value: &str) -> bool {
    value.split(',').all(|part| {
        let number = match part.split_once('=') {
            Some(("order" | "up" | "down", number)) => number,
            Some(_) => "",
            None => part,
        };
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn tag_is_valid(tag: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_-+.".contains(letter);
    tag.chars().all(fits)
}

/// `--sshkeys` names a file here; what is stored is its content, percent-encoded.
fn read_keys(path: &str) -> Result<String, PveError> {
    let content = std::fs::read_to_string(path).map_err(|_| {
        PveError::died(
            2,
            format!("can't open '{path}' - No such file or directory"),
        )
    })?;
    let encoded = content.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    Ok(encoded.collect())
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
