//! What a lab asks of the host's kernel for as long as any lab is up: modules, which stay, and three
//! sysctls, which the last lab puts back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::error::LabError;
use super::layout::Layout;
use super::run::Run;

/// Guests have neither the files nor the right to load them. Those a kernel lacks are done without.
const MODULES: [&str; 19] = [
    "overlay",
    "veth",
    "bridge",
    "br_netfilter",
    "vxlan",
    "nf_conntrack",
    "nf_conntrack_netlink",
    "nf_nat",
    "nft_compat",
    "nft_chain_nat",
    "xt_conntrack",
    "xt_MASQUERADE",
    "xt_addrtype",
    "xt_nat",
    "xt_mark",
    "xt_u32",
    "ip_vs",
    "ip_vs_rr",
    "xt_ipvs",
];

/// The least values. Every systemd has its own inotify instances. A new network namespace takes
/// `ip_forward` from the host's first one unless it may inherit (3) from its maker's: Docker's ingress
/// and load balancer sandboxes would not forward, and service addresses time out.
const SYSCTLS: [(&str, u64); 3] = [
    ("net/core/devconf_inherit_init_net", 3),
    ("fs/inotify/max_user_instances", 1024),
    ("fs/inotify/max_user_watches", 524_288),
];

/// Loads and sets what is missing; remembers the old values.
pub(super) fn prepare() -> Result<(), LabError> {
    let _held = locked()?;
    // Kernels without modules, or without some of them, are fine.
    let _ = Run::new(["modprobe", "-qa"]).args(&MODULES).run();
    let mut old = remembered();
    for (name, least) in SYSCTLS {
        let path = Path::new("/proc/sys").join(name);
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let now: u64 = text.trim().parse().unwrap_or(u64::MAX);
        if now < least && fs::write(&path, least.to_string()).is_ok() {
            old.entry(name.to_owned()).or_insert(now);
        }
    }
    if old.is_empty() {
        return Ok(());
    }
    phoenix_common::fs::write_json(&memory(), &old)?;
    Ok(())
}

/// Puts the sysctls back when no lab is left.
pub(super) fn restore() -> Result<(), LabError> {
    let _held = locked()?;
    if !super::up::list().is_empty() {
        return Ok(());
    }
    for (name, value) in remembered() {
        let path = Path::new("/proc/sys").join(name);
        fs::write(&path, value.to_string()).map_err(LabError::path("write", &path))?;
    }
    // Absent is what is wanted.
    let _ = fs::remove_file(memory());
    Ok(())
}

fn remembered() -> BTreeMap<String, u64> {
    phoenix_common::fs::read_json(&memory()).unwrap_or_default()
}

fn memory() -> PathBuf {
    Layout::all().with_file_name("host-sysctls.json")
}

fn locked() -> Result<Flock<File>, LabError> {
    let path = Layout::all().with_file_name(".kernel.lock");
    let file = File::create(&path).map_err(LabError::path("create", &path))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| LabError::Path {
        action: "lock",
        path,
        source: errno.into(),
    })
}
