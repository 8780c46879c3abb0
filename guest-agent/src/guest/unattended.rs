//! Debian's unattended-upgrades, by a file of apt's configuration that is read after the packages' own. Pure.

use phoenix_common::spec::UnattendedUpgradesSpec;

/// Later files win (apt.conf(5)); the package's are `20auto-upgrades` and `50unattended-upgrades`.
pub(super) const FILE: &str = "/etc/apt/apt.conf.d/99phoenix-unattended-upgrades";

/// What the file shall say.
pub(super) fn text(spec: &UnattendedUpgradesSpec) -> String {
    let daily = u8::from(spec.enabled);
    let (reboots, time) = match &spec.reboot_at {
        Some(time) if spec.enabled => (true, time.as_str()),
        _ => (false, "now"),
    };
    format!(
        "// Written by phoenix-guest-agent; changes are undone.\n\
         APT::Periodic::Update-Package-Lists \"{daily}\";\n\
         APT::Periodic::Unattended-Upgrade \"{daily}\";\n\
         Unattended-Upgrade::Automatic-Reboot \"{reboots}\";\n\
         Unattended-Upgrade::Automatic-Reboot-Time \"{time}\";\n"
    )
}

/// For people: `on, reboots at 03:30`.
pub(super) fn shown(spec: &UnattendedUpgradesSpec) -> String {
    match (&spec.reboot_at, spec.enabled) {
        (_, false) => "off".to_owned(),
        (None, true) => "on, never reboots".to_owned(),
        (Some(time), true) => format!("on, reboots at {time}"),
    }
}
