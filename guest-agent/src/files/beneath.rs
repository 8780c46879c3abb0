//! A folder that no path leaves: openat2(2) with `RESOLVE_BENEATH` and `RESOLVE_NO_SYMLINKS`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use phoenix_common::digest::sha256_hex;
use phoenix_common::spec::FileOwner;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;

use super::observed::{Found, FoundFile};

/// Largest file that is placed or compared, in bytes.
pub(super) const LIMIT_BYTES: u64 = 1 << 20;

/// An open folder.
#[derive(Debug)]
pub(super) struct Beneath(OwnedFd);

/// What a file shall be.
#[derive(Debug)]
pub(super) struct NewFile<'content> {
    pub(super) bytes: &'content [u8],
    pub(super) mode: u32,
    pub(super) owner: Option<FileOwner>,
}

/// A step that failed: what was tried, and why it failed.
pub(super) type Failed = (&'static str, io::Error);

impl Beneath {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(folder, flags, Mode::empty())?))
    }

    /// What is at `path`, relative to the folder.
    pub(super) fn look(&self, path: &str) -> io::Result<Found> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let file = match self.step(path, flags) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(Found::Absent),
            // A link on the way, a file where a folder should be, a socket.
            Err(Errno::LOOP | Errno::NOTDIR | Errno::XDEV | Errno::NXIO) => {
                return Ok(Found::Other);
            }
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(Found::Other);
        }
        let mut content = Vec::new();
        file.take(LIMIT_BYTES + 1).read_to_end(&mut content)?;
        let fits = content.len() as u64 <= LIMIT_BYTES;
        Ok(Found::File(FoundFile {
            sha256: fits.then(|| sha256_hex(&content)),
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
        }))
    }

    /// Replaces the file at `path` as a whole, and makes the folders on the way (0755).
    pub(super) fn replace(&self, path: &str, file: &NewFile<'_>) -> Result<(), Failed> {
        let (folders, name) = match path.rsplit_once('/') {
            Some((folders, name)) => (folders.split('/').collect(), name),
            None => (Vec::new(), path),
        };
        let mut folder = Self(self.0.try_clone().map_err(|error| ("open", error))?);
        for part in folders {
            folder = folder
                .enter(part)
                .map_err(|error| ("make the folder of", error))?;
        }
        let temporary = format!(".phoenix-{:016x}", random());
        let written = folder.write(&temporary, file);
        let renamed = written.and_then(|()| {
            let renamed = rustix::fs::renameat(&folder.0, &*temporary, &folder.0, name);
            renamed.map_err(|error| ("replace", error.into()))
        });
        if renamed.is_err() {
            // Whatever is left of it.
            let _ = rustix::fs::unlinkat(&folder.0, &*temporary, AtFlags::empty());
            return renamed;
        }
        rustix::fs::fsync(&folder.0).map_err(|error| ("sync the folder of", error.into()))
    }

    fn enter(&self, part: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.0, part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self(self.step(part, OFlags::DIRECTORY)?))
    }

    fn write(&self, name: &str, new: &NewFile<'_>) -> Result<(), Failed> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(opened.map_err(|error| ("write", error.into()))?);
        file.write_all(new.bytes)
            .map_err(|error| ("write", error))?;
        if let Some(owner) = new.owner {
            let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
            rustix::fs::fchown(&file, Some(uid), Some(gid))
                .map_err(|error| ("give away", error.into()))?;
        }
        // After the owner, whose change may take bits away.
        rustix::fs::fchmod(&file, Mode::from_raw_mode(new.mode))
            .map_err(|error| ("set the mode of", error.into()))?;
        file.sync_all().map_err(|error| ("sync", error))
    }

    fn step(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::CLOEXEC;
        rustix::fs::openat2(&self.0, path, flags, Mode::empty(), resolve)
    }
}

/// A name that no other run takes at the same time.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn new(bytes: &[u8]) -> NewFile<'_> {
        NewFile {
            bytes,
            mode: 0o640,
            owner: None,
        }
    }

    #[test]
    fn a_file_is_placed_whole_with_its_folders() {
        let root = tempfile::tempdir().unwrap();
        let folder = Beneath::open(root.path()).unwrap();
        assert_eq!(folder.look("a/b/c.yml").unwrap(), Found::Absent);
        folder.replace("a/b/c.yml", &new(b"one")).unwrap();
        folder.replace("a/b/c.yml", &new(b"two")).unwrap();
        let Found::File(found) = folder.look("a/b/c.yml").unwrap() else {
            panic!("no file")
        };
        assert_eq!(found.sha256, Some(sha256_hex(b"two")));
        assert_eq!(found.mode, 0o640);
        let names = fs::read_dir(root.path().join("a/b")).unwrap().count();
        assert_eq!(names, 1, "no temporary file is left");
    }

    #[test]
    fn no_link_and_no_dots_lead_out() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        let folder = Beneath::open(root.path()).unwrap();
        symlink(outside.path(), root.path().join("out")).unwrap();
        symlink(outside.path().join("file"), root.path().join("link")).unwrap();
        fs::write(outside.path().join("file"), "theirs").unwrap();
        for path in ["out/file", "link", "out/new/file"] {
            assert_eq!(folder.look(path).unwrap(), Found::Other, "{path}");
        }
        assert!(folder.replace("out/file", &new(b"x")).is_err());
        assert!(folder.replace("../file", &new(b"x")).is_err());
        // The link itself is replaced, not what it points at.
        folder.replace("link", &new(b"x")).unwrap();
        assert_eq!(fs::read(outside.path().join("file")).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_in_its_place_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        let folder = Beneath::open(root.path()).unwrap();
        assert_eq!(folder.look("a").unwrap(), Found::Other);
        assert_eq!(folder.replace("a", &new(b"x")).unwrap_err().0, "replace");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
    }
}
