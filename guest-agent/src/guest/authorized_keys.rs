//! `~/.ssh/authorized_keys`, written by root into a folder that belongs to someone else: no link is followed
//! below the home folder, so that a user cannot lead the write elsewhere.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};

use super::error::GuestError;
use super::observed::{AuthorizedKeys, User};
use crate::paths::Paths;

const NAME: &str = "authorized_keys";
const TEMPORARY: &str = ".authorized_keys.phoenix";
const LIMIT_BYTES: u64 = 4 << 20;

/// What the file holds; empty when it or its folder is missing or is not what sshd would take.
pub(super) fn observe(paths: &Paths, user: &User) -> AuthorizedKeys {
    let read = || -> io::Result<AuthorizedKeys> {
        let folder = open_folder(&home(paths, user)?, ".ssh")?;
        let folder_metadata = File::from(folder.try_clone()?).metadata()?;
        let file = open_file(&folder)?;
        let metadata = file.metadata()?;
        let mut text = String::new();
        file.take(LIMIT_BYTES).read_to_string(&mut text)?;
        Ok(AuthorizedKeys {
            lines: text.lines().map(|line| line.trim().to_owned()).collect(),
            is_private: metadata.uid() == user.uid
                && metadata.mode() & 0o7777 == 0o600
                && folder_metadata.uid() == user.uid
                && folder_metadata.mode() & 0o022 == 0,
        })
    };
    read().unwrap_or_default()
}

/// Appends `lines` and makes folder and file private.
pub(super) fn add(paths: &Paths, user: &User, lines: &[String]) -> Result<(), GuestError> {
    let write = || -> io::Result<()> {
        let home = home(paths, user)?;
        let folder = match open_folder(&home, ".ssh") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                mkdirat(&home, ".ssh", Mode::S_IRWXU)?;
                open_folder(&home, ".ssh")?
            }
            folder => folder?,
        };
        fchown(&folder, Some(user.uid), Some(user.gid))?;
        File::from(folder.try_clone()?).set_permissions(PermissionsExt::from_mode(0o700))?;
        let mut text = String::new();
        match open_file(&folder) {
            Ok(file) => {
                file.take(LIMIT_BYTES).read_to_string(&mut text)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        replace(&folder, user, &text)
    };
    write().map_err(|source| GuestError::Write {
        path: paths.at(&user.home).join(".ssh").join(NAME),
        source,
    })
}

fn replace(folder: &OwnedFd, user: &User, text: &str) -> io::Result<()> {
    // One that a cut-off run left.
    let _ = nix::unistd::unlinkat(folder, TEMPORARY, nix::unistd::UnlinkatFlags::NoRemoveDir);
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut file = File::from(openat(
        folder,
        TEMPORARY,
        flags,
        Mode::S_IRUSR | Mode::S_IWUSR,
    )?);
    file.write_all(text.as_bytes())?;
    fchown(&file, Some(user.uid), Some(user.gid))?;
    file.set_permissions(PermissionsExt::from_mode(0o600))?;
    file.sync_all()?;
    renameat(folder, TEMPORARY, folder, NAME)?;
    Ok(())
}

/// The home folder; root made it, so it may lie behind links.
fn home(paths: &Paths, user: &User) -> io::Result<OwnedFd> {
    Ok(File::open(paths.at(&user.home))?.into())
}

fn open_folder(parent: &impl AsFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?)
}

/// Not blocking: it may be a FIFO.
fn open_file(folder: &impl AsFd) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = File::from(openat(folder, NAME, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> (tempfile::TempDir, Paths, User) {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        let user = User {
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            home: "/home/me".to_owned(),
            keys: AuthorizedKeys::default(),
        };
        std::fs::create_dir_all(paths.at("/home/me")).unwrap();
        (root, paths, user)
    }

    #[test]
    fn lines_are_added_to_what_is_there() {
        let (_root, paths, user) = guest();
        assert_eq!(observe(&paths, &user), AuthorizedKeys::default());
        add(&paths, &user, &["ssh-ed25519 A one".to_owned()]).unwrap();
        let file = paths.at("/home/me/.ssh/authorized_keys");
        std::fs::write(&file, "ssh-ed25519 A one\nssh-rsa B theirs").unwrap();
        add(&paths, &user, &["ssh-rsa C two".to_owned()]).unwrap();
        let seen = observe(&paths, &user);
        assert!(seen.is_private);
        assert_eq!(
            seen.lines,
            ["ssh-ed25519 A one", "ssh-rsa B theirs", "ssh-rsa C two"]
        );
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(!observe(&paths, &user).is_private);
    }

    #[test]
    fn links_of_the_user_are_not_followed() {
        let (root, paths, user) = guest();
        let elsewhere = root.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, paths.at("/home/me/.ssh")).unwrap();
        assert!(add(&paths, &user, &["ssh-rsa C".to_owned()]).is_err());
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}
