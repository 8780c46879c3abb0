//! Root trees of the lab's machines, by debootstrap; never the host's own root.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use phoenix_common::digest::sha256_hex;

use super::error::LabError;
use super::run::Run;
use super::suite::Suite;
use super::{apt_sources, cache};

const PACKAGES: &str = "systemd-sysv,dbus,libpam-systemd,iproute2,iputils-ping,netbase,procps,\
    qemu-guest-agent,docker.io,iptables,busybox-static,ca-certificates,curl";

/// Raised whenever [`configure`] changes what it makes.
const RECIPE: u32 = 1;

/// Units that have no place in a light guest: no udev, no clock, no modules, global sysctls belong
/// to the host, and the lab sets the network up.
const MASKED_UNITS: &[&str] = &[
    "run-rpc_pipefs.mount",
    "systemd-udevd.service",
    "systemd-udevd-kernel.socket",
    "systemd-udevd-control.socket",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-sysctl.service",
    "systemd-modules-load.service",
    "systemd-timesyncd.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "console-getty.service",
    "getty.target",
];

/// The stock unit is bound to the virtio port, which a drop-in cannot clear: replaced whole.
const QGA_UNIT: &str = "[Unit]\nDescription=QEMU Guest Agent (lab channel)\n\
    [Service]\nUMask=0077\n\
    ExecStart=/usr/sbin/qemu-ga -m unix-listen -p /run/lab/qga.sock -t /run\n\
    Restart=always\nRestartSec=0\n[Install]\nWantedBy=multi-user.target\n";

/// dockerd listens beside the lab's recording proxy, which has `/run/docker.sock`.
const DOCKER_SOCKET: &str = "[Socket]\nListenStream=\nListenStream=/run/lab/dockerd.sock\n";

const DAEMON_JSON: &str = "{\"insecure-registries\": [\"192.168.77.254:5000\"]}\n";

/// The tree of `suite`, built when the cache has none (about a minute).
///
/// # Errors
/// No mirror, or debootstrap failed.
pub fn tree(suite: Suite) -> Result<PathBuf, LabError> {
    let recipe = format!(
        "{RECIPE} {} {MASKED_UNITS:?}{QGA_UNIT}{DOCKER_SOCKET}{DAEMON_JSON}",
        packages(suite)
    );
    let key = format!("tree-{suite}-{}", &sha256_hex(recipe.as_bytes())[..10]);
    cache::entry(&key, is_whole, |folder| {
        debootstrap(suite, folder)?;
        configure(folder)
    })
}

fn packages(suite: Suite) -> String {
    match suite {
        Suite::Bookworm => PACKAGES.to_owned(),
        // trixie has the client in a package of its own.
        Suite::Trixie => format!("{PACKAGES},docker-cli"),
    }
}

fn is_whole(tree: &Path) -> bool {
    [
        "sbin/init",
        "usr/sbin/qemu-ga",
        "usr/sbin/dockerd",
        "usr/bin/docker",
        ".lab-tree",
    ]
    .iter()
    .all(|file| tree.join(file).symlink_metadata().is_ok())
}

fn debootstrap(suite: Suite, folder: &Path) -> Result<(), LabError> {
    let include = format!("--include={}", packages(suite));
    Run::new(["debootstrap", "--variant=minbase", &include, suite.name()])
        .arg(folder)
        .arg(apt_sources::mirror()?)
        .deadline(Duration::from_mins(15))
        .ok()?;
    Ok(())
}

/// Makes the tree one that many guests can start from: no identity, only the lab's units.
fn configure(tree: &Path) -> Result<(), LabError> {
    for gone in [
        "etc/docker/key.json",
        "usr/sbin/policy-rc.d",
        "var/lib/dbus/machine-id",
    ] {
        // Absent is what is wanted.
        let _ = fs::remove_file(tree.join(gone));
    }
    for emptied in [
        "var/cache/apt/archives",
        "var/lib/apt/lists",
        "usr/share/doc",
    ] {
        cache::remove(&tree.join(emptied))?;
    }
    make(&tree.join("var/cache/apt/archives/partial"))?;
    make(&tree.join("var/lib/apt/lists/partial"))?;
    let units = tree.join("etc/systemd/system");
    make(&units.join("multi-user.target.wants"))?;
    for unit in MASKED_UNITS {
        link("/dev/null", &units.join(unit))?;
    }
    write(&units.join("qemu-guest-agent.service"), QGA_UNIT)?;
    link(
        "../qemu-guest-agent.service",
        &units.join("multi-user.target.wants/qemu-guest-agent.service"),
    )?;
    make(&units.join("docker.socket.d"))?;
    write(&units.join("docker.socket.d/lab.conf"), DOCKER_SOCKET)?;
    make(&tree.join("etc/docker"))?;
    write(&tree.join("etc/docker/daemon.json"), DAEMON_JSON)?;
    write(&tree.join("etc/machine-id"), "")?;
    write(&tree.join("etc/hosts"), "127.0.0.1 localhost\n")?;
    write(&tree.join(".lab-tree"), "")
}

fn make(folder: &Path) -> Result<(), LabError> {
    fs::create_dir_all(folder).map_err(LabError::path("create", folder))
}

fn write(file: &Path, content: &str) -> Result<(), LabError> {
    fs::write(file, content).map_err(LabError::path("write", file))
}

fn link(target: &str, place: &Path) -> Result<(), LabError> {
    // A unit enabled by its package is replaced.
    let _ = fs::remove_file(place);
    symlink(target, place).map_err(LabError::path("link", place))
}
