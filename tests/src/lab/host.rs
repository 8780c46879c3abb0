//! What this machine must give the lab, and what the lab installs on it.

use std::path::Path;
use std::time::Duration;

use nix::sys::statfs::statfs;

use super::cgroup::World;
use super::error::LabError;
use super::layout::Layout;
use super::run::Run;

/// `overlayfs` in statfs(2).
const OVERLAY_MAGIC: i64 = 0x794c_7630;

/// Programs the lab calls and the packages they come from; tar, gzip and util-linux are essential.
const NEEDED: [(&str, &str); 2] = [("debootstrap", "debootstrap"), ("ip", "iproute2")];

/// Whether the lab can run here.
///
/// # Errors
/// [`LabError::Unusable`] with the one reason; callers exit 77 or skip.
pub fn check() -> Result<(), LabError> {
    let unusable = |reason: &str| Err(LabError::Unusable(reason.to_owned()));
    if !nix::unistd::geteuid().is_root() {
        return unusable("not root");
    }
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.lines().any(|line| line.ends_with("\toverlay")) {
        // A module not loaded yet.
        let _ = Run::new(["modprobe", "overlay"]).run();
        let now = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
        if !now.lines().any(|line| line.ends_with("\toverlay")) {
            return unusable("the kernel has no overlayfs");
        }
    }
    World::probe().map_err(LabError::Unusable)?;
    let spaces = ["unshare", "--net", "--mount", "--pid", "--fork", "true"];
    if !Run::new(spaces).run().is_ok_and(|ran| ran.success()) {
        return unusable("no new namespaces may be made");
    }
    check_folder()
}

/// The upper folder of an overlay must not lie on an overlay itself.
fn check_folder() -> Result<(), LabError> {
    let folder = Layout::all();
    std::fs::create_dir_all(&folder).map_err(LabError::path("create", &folder))?;
    let kind = statfs(&folder).map_err(|errno| LabError::Path {
        action: "look at",
        path: folder.clone(),
        source: errno.into(),
    })?;
    if kind.filesystem_type().0 == OVERLAY_MAGIC {
        let shown = folder.display();
        return Err(LabError::Unusable(format!(
            "{shown} is on overlayfs: set PHOENIX_LAB_DIR to a folder on a disk"
        )));
    }
    Ok(())
}

/// Installs the packages the lab needs and this machine lacks.
///
/// # Errors
/// apt failed.
pub fn prepare() -> Result<(), LabError> {
    let has = |program: &str| {
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
            .iter()
            .any(|folder| Path::new(folder).join(program).exists())
    };
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, _)| !has(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    apt_update()?;
    Run::new(["apt-get", "install", "-qq", "--no-install-recommends"])
        .args(&missing)
        .deadline(Duration::from_mins(10))
        .ok()?;
    Ok(())
}

/// Fetches the package lists.
pub(super) fn apt_update() -> Result<(), LabError> {
    Run::new(["apt-get", "update", "-qq"])
        .deadline(Duration::from_mins(5))
        .ok()
        .map(drop)
}
