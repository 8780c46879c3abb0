//! The texts of the units that Phoenix writes, and how it knows its own again. Pure.

use std::fmt::Write;

use phoenix_common::spec::VolumeSpec;

pub use super::unit_name::of_mount_point as mount_unit_name;

/// Where an administrator's units live: these win over those of packages and of `/etc/fstab`.
pub const FOLDER: &str = "/etc/systemd/system";
/// Mounts what could not be mounted at boot, then starts Docker.
pub const RECOVERY: &str = "phoenix-volumes.service";
/// The drop-in that makes an engine wait for the volumes.
pub const DROP_IN: &str = "phoenix-volumes.conf";
/// What starts containers by itself.
pub const ENGINES: [&str; 2] = ["docker.service", "containerd.service"];

const NOTE: &str = "# Written by phoenix-guest-agent; changes are undone.\n";
const MARK: &str = "[X-Phoenix]\nVolume=";

/// The mount unit of a volume.
pub fn mount_unit(volume: &VolumeSpec, source: &str) -> String {
    // systemd replaces words that begin with a per cent sign.
    let literal = |text: &str| text.replace('%', "%%");
    format!(
        "{NOTE}[Unit]\nDescription=Phoenix volume {name}\n\
         Wants=network-online.target\nAfter=network-online.target\n\
         OnFailure={RECOVERY}\nStartLimitIntervalSec=0\n\n\
         [Mount]\nWhat={what}\nWhere={mount_point}\nType=nfs\nOptions={options}\nTimeoutSec=45\n\n\
         [Install]\nWantedBy=multi-user.target\n\n{MARK}{name}\n",
        name = volume.name,
        what = literal(source),
        mount_point = volume.mount_point,
        options = literal(&volume.options),
    )
}

/// A unit of Phoenix, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenUnit {
    pub volume: String,
    pub mount_point: String,
    pub source: String,
    pub options: String,
}

/// What a mount unit says; `None` when Phoenix has not written it.
pub fn parse(text: &str) -> Option<WrittenUnit> {
    let (_, after_mark) = text.split_once(MARK)?;
    let value = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    let literal = |text: &str| text.replace("%%", "%");
    Some(WrittenUnit {
        volume: after_mark.lines().next()?.to_owned(),
        mount_point: value("Where")?.to_owned(),
        source: literal(value("What")?),
        options: literal(value("Options").unwrap_or_default()),
    })
}

/// Keeps an engine from starting while a volume is not mounted, and stops it when one is stopped.
pub fn drop_in(mount_points: &[String]) -> String {
    let mut text = format!("{NOTE}# Containers start on mounted volumes only.\n[Unit]\n");
    for mount_point in mount_points {
        let unit = mount_unit_name(mount_point);
        let _ = write!(text, "Requires={unit}\nAfter={unit}\n");
    }
    text
}

/// Tries until all are mounted, then starts what had to wait. A mount unit cannot be told to try again.
pub fn recovery(mount_points: &[String]) -> String {
    // systemctl takes a path for its mount unit; mount points have no letter that a shell or systemd reads.
    let paths = mount_points.join(" ");
    format!(
        "{NOTE}[Unit]\nDescription=Phoenix: mounts the volumes and starts Docker when their servers answer\n\
         Wants=network-online.target\nAfter=network-online.target\nStartLimitIntervalSec=0\n\n\
         [Service]\nExecStart=/bin/sh -c 'until systemctl -q start {paths}; do sleep 5; done; \
         for unit in docker.socket docker.service; do systemctl -q is-enabled $$unit || continue; \
         systemctl reset-failed $$unit; systemctl -q start $$unit || exit 1; done'\n\
         Restart=on-failure\nRestartSec=5\n\n[Install]\nWantedBy=multi-user.target\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_known_again_and_others_are_not() {
        let volume = VolumeSpec {
            name: "data".into(),
            server: Some("nas".into()),
            path: "/100%".into(),
            mount_point: "/persistent-storage".into(),
            options: "ro,hard".into(),
        };
        let text = mount_unit(&volume, "nas:/100%");
        assert!(text.contains("\nWhat=nas:/100%%\n"), "{text}");
        let wanted = WrittenUnit {
            volume: "data".into(),
            mount_point: "/persistent-storage".into(),
            source: "nas:/100%".into(),
            options: "ro,hard".into(),
        };
        assert_eq!(parse(&text), Some(wanted));
        assert_eq!(parse("[Mount]\nWhat=nas:/a\nWhere=/a\n"), None);
    }

    #[test]
    fn engines_require_and_follow_each_mount() {
        let text = drop_in(&["/a-b".into(), "/c".into()]);
        for line in [
            "Requires=a\\x2db.mount\nAfter=a\\x2db.mount\n",
            "Requires=c.mount\nAfter=c.mount\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(recovery(&["/a-b".into(), "/c".into()]).contains("start /a-b /c;"));
    }
}
