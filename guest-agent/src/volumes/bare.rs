//! The folder under a mount: empty, closed and, where the file system can, immutable, so that nothing is ever
//! written there while the volume is away.
//!
//! A mounted volume hides it; a mount namespace of our own shows it again without touching the guest's mounts.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use super::error::VolumeError;
use super::observed::{Bare, BareKind, Protection};
use crate::paths::Paths;

pub(super) fn observe(paths: &Paths, mount_point: &str) -> Option<Bare> {
    let found = under(paths, mount_point, |folder| Ok(look(folder)));
    found
        .inspect_err(|error| tracing::warn!("cannot look under {mount_point}: {error}"))
        .ok()
}

fn look(folder: &Path) -> Bare {
    let kind = match fs::symlink_metadata(folder) {
        Err(_) => BareKind::Absent,
        Ok(metadata) if metadata.is_dir() => BareKind::Folder,
        Ok(_) => BareKind::Other,
    };
    let mode = fs::metadata(folder).map_or(0o777, |metadata| metadata.permissions().mode());
    let protection = match kind {
        BareKind::Folder if is_immutable(folder) => Protection::Immutable,
        BareKind::Folder if mode.trailing_zeros() >= 12 => Protection::Closed,
        _ => Protection::None,
    };
    Bare {
        kind,
        is_empty: fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none()),
        protection,
    }
}

/// Makes the folder and closes it.
pub(super) fn protect(paths: &Paths, mount_point: &str) -> Result<(), VolumeError> {
    change(paths, mount_point, |folder| {
        if look(folder).protection == Protection::Immutable {
            return Ok(());
        }
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o000))?;
        if let Err(error) = set_immutable(folder, true) {
            tracing::warn!("{mount_point}: its file system takes no immutable flag: {error}");
        }
        Ok(())
    })
}

/// Gives the folder back; it stays.
pub(super) fn release(paths: &Paths, mount_point: &str) -> Result<(), VolumeError> {
    change(paths, mount_point, |folder| {
        if look(folder).kind == BareKind::Folder {
            // Where it cannot be taken away it was never set.
            let _ = set_immutable(folder, false);
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    })
}

fn change(
    paths: &Paths,
    mount_point: &str,
    what: impl FnOnce(&Path) -> io::Result<()> + Send,
) -> Result<(), VolumeError> {
    under(paths, mount_point, what).map_err(|source| VolumeError::Folder {
        path: mount_point.into(),
        source,
    })
}

/// Calls `what` with a path to the folder under whatever is mounted at `mount_point`.
fn under<T: Send>(
    paths: &Paths,
    mount_point: &str,
    what: impl FnOnce(&Path) -> io::Result<T> + Send,
) -> io::Result<T> {
    let place = paths.at(mount_point);
    let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    if !parent.exists() {
        return what(&place);
    }
    let window = paths.at("/run/phoenix-guest-agent/under");
    let thread = || {
        show(parent, &window)?;
        what(&window.join(name))
    };
    // A namespace belongs to a thread and ends with it.
    let ended = std::thread::scope(|scope| scope.spawn(thread).join());
    ended.map_err(|_| io::Error::other("the thread ended early"))?
}

/// Shows `parent` at `window` without what is mounted in it, to this thread alone.
fn show(parent: &Path, window: &PathBuf) -> io::Result<()> {
    fs::create_dir_all(window)?;
    let nothing: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing)?;
    mount(Some(parent), window, nothing, MsFlags::MS_BIND, nothing)?;
    Ok(())
}

fn is_immutable(folder: &Path) -> bool {
    flags(folder).is_ok_and(|(_, flags)| flags.contains(IFlags::IMMUTABLE))
}

/// Sets or takes away the flag of chattr(1) that keeps even root from writing.
fn set_immutable(folder: &Path, immutable: bool) -> io::Result<()> {
    let (opened, mut flags) = flags(folder)?;
    flags.set(IFlags::IMMUTABLE, immutable);
    Ok(ioctl_setflags(&opened, flags)?)
}

fn flags(folder: &Path) -> io::Result<(fs::File, IFlags)> {
    let opened = fs::File::open(folder)?;
    let flags = ioctl_getflags(&opened)?;
    Ok((opened, flags))
}
