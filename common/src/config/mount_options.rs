//! Options of an NFS mount: what is declared, on top of defaults under which data is safe.

/// nfs(5) and mount(8). `hard`: a server that is away makes programs wait, not lose what they wrote.
/// `retry=0`: one try, at once; who mounts tries again by itself. `nosuid,nodev`: what lies on a server makes
/// nobody root.
const DEFAULTS: [&str; 8] = [
    "nfsvers=4",
    "hard",
    "_netdev",
    "nosuid",
    "nodev",
    "timeo=600",
    "retrans=2",
    "retry=0",
];

/// Options that would let a mount succeed without being there, or that are somebody else's business.
const REFUSED: [(&str, &str); 9] = [
    (
        "bg",
        "a mount in the background counts as mounted before it is",
    ),
    (
        "nofail",
        "a mount that may fail lets containers start on the bare folder",
    ),
    ("noauto", "a volume is always mounted"),
    ("auto", "a volume is always mounted"),
    ("user", "a volume is mounted by root alone"),
    ("users", "a volume is mounted by root alone"),
    ("owner", "a volume is mounted by root alone"),
    ("remount", "it is no option of a volume"),
    ("bind", "it is no option of a volume"),
];

/// The declared options over the defaults, in a stable order.
///
/// # Errors
/// Why an option cannot be taken.
pub(super) fn merged(declared: Option<&str>) -> Result<String, String> {
    let declared: Vec<&str> = declared.map_or_else(Vec::new, |text| {
        let options = text.split(',').map(str::trim);
        options.filter(|option| !option.is_empty()).collect()
    });
    for option in &declared {
        check(option)?;
    }
    let kept = DEFAULTS.iter().filter(|default| {
        let overrides = |option: &&str| subject(option) == subject(default);
        !declared.iter().any(overrides)
    });
    Ok(kept
        .chain(declared.iter())
        .copied()
        .collect::<Vec<_>>()
        .join(","))
}

fn check(option: &str) -> Result<(), String> {
    let is_harmless =
        |character: char| character.is_ascii_alphanumeric() || "=._:/@+-".contains(character);
    if option.len() > 200 || !option.chars().all(is_harmless) {
        return Err(format!("`{option}` is no mount option"));
    }
    let name = option.split('=').next().unwrap_or(option);
    if name.starts_with("x-") {
        return Err(format!(
            "`{option}`: systemd is told by Phoenix how to mount a volume"
        ));
    }
    match REFUSED.iter().find(|(refused, _)| *refused == name) {
        Some((_, why)) => Err(format!("`{option}`: {why}")),
        None => Ok(()),
    }
}

/// What an option is about: two with one subject contradict each other.
fn subject(option: &str) -> &str {
    let name = option.split('=').next().unwrap_or(option);
    match name {
        "nfsvers" | "vers" | "minorversion" => "version",
        "hard" | "soft" | "softerr" => "hardness",
        "suid" | "nosuid" => "suid",
        "dev" | "nodev" => "dev",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_options_win_over_defaults() {
        let defaults = "nfsvers=4,hard,_netdev,nosuid,nodev,timeo=600,retrans=2,retry=0";
        assert_eq!(merged(None).as_deref(), Ok(defaults));
        assert_eq!(merged(Some(" ")).as_deref(), Ok(defaults));
        let merged = merged(Some("vers=3, soft,ro,suid")).unwrap();
        assert_eq!(
            merged,
            "_netdev,nodev,timeo=600,retrans=2,retry=0,vers=3,soft,ro,suid"
        );
    }

    #[test]
    fn options_that_fail_open_are_refused() {
        for option in [
            "bg",
            "nofail",
            "x-systemd.automount",
            "ro,bind",
            "a b",
            "ro%n",
            "a\\",
        ] {
            assert!(merged(Some(option)).is_err(), "{option}");
        }
    }
}
