//! What `qm set` refuses before it looks at the guest, of what Phoenix or an operator may send.

use std::os::unix::fs::PermissionsExt;

use super::error::PveError;
use super::node::Node;

/// Keys of a guest's configuration, without the numbers that some have at their end.
const KEYS: [&str; 42] = [
    "agent",
    "args",
    "balloon",
    "bios",
    "boot",
    "cicustom",
    "cipassword",
    "citype",
    "ciupgrade",
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
    "tpmstate",
    "vga",
    "virtio",
    "vmgenid",
    "lock",
];

/// Which tool the values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// `qm set`: keys are read from a file.
    Qm,
    /// `pvesh set` and `create`: values as the API has them.
    Pvesh,
}

impl Caller {
    fn usage(self) -> &'static str {
        match self {
            Self::Qm => "qm set <vmid> [OPTIONS]",
            Self::Pvesh => "pvesh set <api_path> [OPTIONS] [FORMAT_OPTIONS]",
        }
    }
}

/// The value as it will be stored.
pub(super) fn checked(
    node: &Node,
    key: &str,
    value: &str,
    caller: Caller,
) -> Result<String, PveError> {
    let usage = caller.usage();
    let wrong = |text: &str| Err(PveError::Parameter(format!("{key}: {text}\n{usage}")));
    let integer = || wrong(&format!("type check ('integer') failed - got '{value}'"));
    match key {
        "delete" | "revert" => match value.split(',').find(|gone| !is_known(gone)) {
            Some(gone) => wrong(&format!("unknown option '{gone}'")),
            None => Ok(value.to_owned()),
        },
        _ if !is_known(key) => Err(PveError::Usage(format!(
            "Unknown option: {key}\n400 unable to parse option\n{usage}"
        ))),
        "cores" | "sockets" => match value.parse::<i64>() {
            Err(_) => integer(),
            Ok(..1) => wrong("value must have a minimum value of 1"),
            Ok(_) => Ok(value.to_owned()),
        },
        "name" if !is_dns_name(value) => {
            wrong("invalid format - value does not look like a valid DNS name\n")
        }
        "memory" if value.parse::<u64>().is_err() => wrong(&format!(
            "invalid format - format error\nmemory.current: type check ('integer') failed - got '{value}'\n"
        )),
        "memory" if value.parse::<u64>().is_ok_and(|mib| mib < 16) => wrong(
            "invalid format - format error\nmemory.current: value must have a minimum value of 16\n",
        ),
        "onboot" | "protection" if !matches!(value, "0" | "1") => {
            wrong(&format!("type check ('boolean') failed - got '{value}'"))
        }
        "hookscript" => check_hookscript(node, value).map(|()| value.to_owned()),
        "sshkeys" if caller == Caller::Qm => read_keys(value),
        "sshkeys" if value.contains(' ') => wrong(&format!(
            "invalid format - invalid urlencoded string: {value}\n"
        )),
        "sshkeys" if !keys_are_valid(value) => {
            Err(PveError::died(255, "SSH public key validation error"))
        }
        _ => match format_error(key, value) {
            Some(text) => wrong(&format!("invalid format - {text}\n")),
            None => Ok(value.to_owned()),
        },
    }
}

fn is_known(key: &str) -> bool {
    KEYS.contains(&key.trim_end_matches(|last: char| last.is_ascii_digit()))
}

/// A label of a host name, or several.
pub(super) fn is_dns_name(name: &str) -> bool {
    name.split('.').all(|label| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

/// `<type>%20<base64>[%20<comment>]` lines, as `ssh-keygen` would take them.
fn keys_are_valid(value: &str) -> bool {
    let text = super::resources::decode(value);
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .all(|line| {
            let mut words = line.split_whitespace();
            let (kind, data) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data);
            let length = u32::try_from(kind.len()).unwrap_or(0).to_be_bytes();
            let head = [&length[..], kind.as_bytes()].concat();
            bytes.is_ok_and(|bytes| bytes.starts_with(&head) && bytes.len() > head.len() + 16)
        })
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
    let wrong = |code, text: &str| {
        let text =
            format!("400 Parameter verification failed.\nhookscript: script '{volume}' {text}\n");
        Err(PveError::died(code, text))
    };
    // A link is followed; a dangling one counts as missing.
    let Ok(metadata) = path.metadata() else {
        return wrong(2, "does not exist");
    };
    if metadata.permissions().mode() & 0o111 == 0 {
        return wrong(255, "is not executable");
    }
    Ok(())
}
