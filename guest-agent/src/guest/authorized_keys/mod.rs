//! `~/.ssh/authorized_keys`, written by root into a folder that belongs to someone else: no link is followed
//! below the home folder, and nothing is read or given away that is not the user's already, so that a user
//! can lead neither the write nor the owner's change elsewhere by renaming something into its place.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::PathBuf;

use nix::fcntl::{OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use phoenix_common::fs::FileError;

use super::error::GuestError;
use super::observed::{AuthorizedKeys, User};
use crate::paths::Paths;

const FOLDER: &str = ".ssh";
const NEW_FOLDER: &str = ".ssh.phoenix";
const NAME: &str = "authorized_keys";
const TEMPORARY: &str = ".authorized_keys.phoenix";
/// Longest file taken, in bytes: more than sshd reads with patience.
const LIMIT_BYTES: u64 = 4 << 20;

/// What the file holds; empty when it or its folder is missing.
///
/// # Errors
/// It cannot be read, or is not the user's.
pub(super) fn observe(paths: &Paths, user: &User) -> Result<AuthorizedKeys, GuestError> {
    let place = Place { paths, user };
    let Some(home) = found(place.home()).map_err(|source| place.cannot_read("", source))? else {
        return Ok(AuthorizedKeys::default());
    };
    let Some(folder) = place.folder(&home)? else {
        return Ok(AuthorizedKeys::default());
    };
    let Some(file) = place.file(&folder)? else {
        return Ok(AuthorizedKeys::default());
    };
    let is_private = file.metadata.mode() & 0o7777 == 0o600 && folder.metadata.mode() & 0o022 == 0;
    let content = place.content(file)?;
    Ok(AuthorizedKeys {
        // Not every comment is UTF-8.
        lines: String::from_utf8_lossy(&content)
            .lines()
            .map(|line| line.trim().to_owned())
            .collect(),
        is_private,
    })
}

/// Appends `lines` and makes folder and file private.
///
/// # Errors
/// Folder or file are not the user's, or cannot be written.
pub(super) fn add(paths: &Paths, user: &User, lines: &[String]) -> Result<(), GuestError> {
    let place = Place { paths, user };
    let cannot_write = |source| GuestError::Write {
        path: place.path(&format!("{FOLDER}/{NAME}")),
        source,
    };
    let home = place.home().map_err(cannot_write)?;
    let folder = match place.folder(&home)? {
        Some(folder) => folder.file,
        None => make_folder(&home, user).map_err(cannot_write)?,
    };
    let mut content = match place.file(&folder)? {
        Some(file) => place.content(file)?,
        None => Vec::new(),
    };
    if content.last().is_some_and(|byte| *byte != b'\n') {
        content.push(b'\n');
    }
    for line in lines {
        content.extend_from_slice(line.as_bytes());
        content.push(b'\n');
    }
    let write = || {
        folder.set_permissions(PermissionsExt::from_mode(0o700))?;
        replace(&folder, user, &content)
    };
    write().map_err(cannot_write)
}

/// Something opened that belongs to the user.
struct Owned {
    file: File,
    metadata: std::fs::Metadata,
}

impl AsFd for Owned {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Where a user's keys are.
#[derive(Clone, Copy)]
struct Place<'a> {
    paths: &'a Paths,
    user: &'a User,
}

impl Place<'_> {
    fn path(&self, below_home: &str) -> PathBuf {
        self.paths.at(&self.user.home).join(below_home)
    }

    /// The home folder; root made it, so it may lie behind links.
    fn home(&self) -> io::Result<File> {
        File::open(self.path(""))
    }

    fn folder(&self, home: &File) -> Result<Option<Owned>, GuestError> {
        self.owned(home, FOLDER, FOLDER, OFlag::O_DIRECTORY)
    }

    fn file(&self, folder: &impl AsFd) -> Result<Option<Owned>, GuestError> {
        let below_home = format!("{FOLDER}/{NAME}");
        // Not blocking: it may be a FIFO.
        let file = self.owned(folder, NAME, &below_home, OFlag::O_NONBLOCK)?;
        match &file {
            Some(file) if !file.metadata.is_file() => Err(GuestError::File(FileError::NotAFile {
                path: self.path(&below_home),
            })),
            _ => Ok(file),
        }
    }

    /// Opens without following a link, and looks whose it is before anyone reads or changes it.
    fn owned(
        &self,
        parent: &impl AsFd,
        name: &str,
        below_home: &str,
        flags: OFlag,
    ) -> Result<Option<Owned>, GuestError> {
        let path = || self.path(below_home);
        let flags = flags | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = openat(parent, name, flags, Mode::empty()).map_err(io::Error::from);
        let Some(file) = found(opened).map_err(|source| {
            if readlinkat(parent, name).is_ok() {
                GuestError::KeysBehindLink { path: path() }
            } else {
                self.cannot_read(below_home, source)
            }
        })?
        else {
            return Ok(None);
        };
        let file = File::from(file);
        let metadata = file
            .metadata()
            .map_err(|source| self.cannot_read(below_home, source))?;
        if metadata.uid() != self.user.uid {
            return Err(GuestError::KeysOfAnother {
                path: path(),
                owner_uid: metadata.uid(),
                user: self.user.name.clone(),
            });
        }
        Ok(Some(Owned { file, metadata }))
    }

    fn content(&self, file: Owned) -> Result<Vec<u8>, GuestError> {
        let below_home = format!("{FOLDER}/{NAME}");
        let mut content = Vec::new();
        file.file
            .take(LIMIT_BYTES + 1)
            .read_to_end(&mut content)
            .map_err(|source| self.cannot_read(&below_home, source))?;
        if content.len() as u64 > LIMIT_BYTES {
            return Err(GuestError::File(FileError::TooLarge {
                path: self.path(&below_home),
                limit_bytes: LIMIT_BYTES,
            }));
        }
        Ok(content)
    }

    fn cannot_read(&self, below_home: &str, source: io::Error) -> GuestError {
        GuestError::File(FileError::Read {
            path: self.path(below_home),
            source,
        })
    }
}

/// Nothing when it is not there.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the folder under another name, so that it is the user's from the moment it is there.
fn make_folder(home: &File, user: &User) -> io::Result<File> {
    // One that a cut-off run left.
    let _ = unlinkat(home, NEW_FOLDER, UnlinkatFlags::RemoveDir);
    mkdirat(home, NEW_FOLDER, Mode::S_IRWXU)?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder = File::from(openat(home, NEW_FOLDER, flags, Mode::empty())?);
    if !is_new(&folder)? {
        return Err(io::Error::other("another folder was put into its place"));
    }
    fchown(&folder, Some(user.uid), Some(user.gid))?;
    renameat(home, NEW_FOLDER, home, FOLDER)?;
    Ok(folder)
}

/// Whether the folder is one that we may just have made: ours alone and empty, so that giving it away gives
/// nothing away.
fn is_new(folder: &File) -> io::Result<bool> {
    let metadata = folder.metadata()?;
    // The folder that is open, whatever its name stands for by now.
    let mut entries = std::fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()))?;
    Ok(metadata.uid() == nix::unistd::geteuid().as_raw()
        && metadata.mode().trailing_zeros() >= 6
        && entries.next().is_none())
}

fn replace(folder: &File, user: &User, content: &[u8]) -> io::Result<()> {
    // One that a cut-off run left.
    let _ = unlinkat(folder, TEMPORARY, UnlinkatFlags::NoRemoveDir);
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let mut file = File::from(openat(folder, TEMPORARY, flags, mode)?);
    file.write_all(content)?;
    fchown(&file, Some(user.uid), Some(user.gid))?;
    file.set_permissions(PermissionsExt::from_mode(0o600))?;
    file.sync_all()?;
    renameat(folder, TEMPORARY, folder, NAME)?;
    Ok(())
}

#[cfg(test)]
mod tests;
