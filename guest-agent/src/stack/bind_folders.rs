//! Folders of this machine that services bind. `docker compose` makes a missing one; a Swarm rejects the task.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use phoenix_common::wire::{AgentFailure, Change, ChangeVerb, FailureKind, Progress, WorkReport};

use crate::failure::Failure;

/// Of a folder that is made: root's, open to read as those that `docker compose` makes.
const FOLDER_MODE: Mode = Mode::from_bits_truncate(0o755);

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{path:?} is no path a folder can be made at: it must be absolute, without `..`")]
    NotAbsolute { path: String },
    #[error("folder {} is not made: {} is no folder, or a symbolic link", path.display(), part.display())]
    NotAFolder { path: PathBuf, part: PathBuf },
    #[error("folder {} cannot be made", path.display())]
    Failed { path: PathBuf, source: Errno },
}

impl Failure for BindError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::NotAbsolute { .. } => FailureKind::Input,
            Self::NotAFolder { .. } | Self::Failed { .. } => FailureKind::Failed,
        }
    }
}

/// Those of `paths` that are not there, seen from `root`. Symbolic links are followed, as the engine does.
pub fn missing(root: &Path, paths: &[String]) -> Vec<String> {
    let is_missing = |path: &&String| {
        let place = root.join(path.trim_start_matches('/'));
        let found = std::fs::metadata(place);
        found.is_err_and(|error| {
            matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            )
        })
    };
    paths.iter().filter(is_missing).cloned().collect()
}

/// Makes those of `paths` that are missing, parents too, 0755 and root's. No symbolic link is followed on the
/// way: a container may have put one into a folder that it writes to.
///
/// # Errors
/// A path cannot be made; those before it are there.
pub fn make(
    root: &Path,
    paths: &[String],
    progress: &mut dyn FnMut(Progress),
) -> Result<WorkReport, BindError> {
    let mut report = WorkReport::default();
    for path in missing(root, paths) {
        make_one(root, &path)?;
        let subject = format!("folder {path}");
        progress(Progress {
            step: subject.clone(),
            message: "created".to_owned(),
        });
        report.changes.push(Change {
            verb: ChangeVerb::Create,
            subject,
            fields: Vec::new(),
        });
    }
    Ok(report)
}

/// [`make`], as a job's end.
///
/// # Errors
/// As [`make`].
pub fn make_as_work(
    root: &Path,
    paths: &[String],
    progress: &mut dyn FnMut(Progress),
) -> Result<WorkReport, AgentFailure> {
    make(root, paths, progress).map_err(Failure::into_failure)
}

fn make_one(root: &Path, path: &str) -> Result<(), BindError> {
    let whole = Path::new(path);
    let failed = |source| BindError::Failed {
        path: whole.to_owned(),
        source,
    };
    let mut components = whole.components();
    if components.next() != Some(Component::RootDir) {
        let path = path.to_owned();
        return Err(BindError::NotAbsolute { path });
    }
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut folder: OwnedFd = nix::fcntl::open(root, flags, Mode::empty()).map_err(failed)?;
    let mut part = PathBuf::from("/");
    for component in components {
        let Component::Normal(name) = component else {
            let path = path.to_owned();
            return Err(BindError::NotAbsolute { path });
        };
        part.push(name);
        let made = match mkdirat(&folder, name, FOLDER_MODE) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(source) => return Err(failed(source)),
        };
        folder = step(&folder, name, made).map_err(|source| match source {
            Errno::ELOOP | Errno::ENOTDIR => BindError::NotAFolder {
                path: whole.to_owned(),
                part: part.clone(),
            },
            source => failed(source),
        })?;
    }
    Ok(())
}

/// Into the folder `name`; one just made gets its mode whatever the umask is.
fn step(folder: &OwnedFd, name: &std::ffi::OsStr, made: bool) -> Result<OwnedFd, Errno> {
    let access = if made { OFlag::O_RDONLY } else { OFlag::O_PATH };
    let how = OpenHow::new()
        .flags(access | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
    let opened = openat2(folder.as_fd(), name, how)?;
    if made {
        fchmod(opened.as_fd(), FOLDER_MODE)?;
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn made(root: &Path, path: &str) -> Result<Vec<String>, BindError> {
        let report = make(root, &[path.to_owned()], &mut |_| {})?;
        let subjects = report.changes.into_iter().map(|change| change.subject);
        Ok(subjects.collect())
    }

    #[test]
    fn folders_are_made_once_with_their_parents() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(made(root.path(), "/srv/a/b").unwrap(), ["folder /srv/a/b"]);
        let metadata = std::fs::metadata(root.path().join("srv/a/b")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o755);
        assert_eq!(made(root.path(), "/srv/a/b").unwrap(), [""; 0]);
        // A file is there, too.
        std::fs::write(root.path().join("srv/file"), "").unwrap();
        assert_eq!(made(root.path(), "/srv/file").unwrap(), [""; 0]);
    }

    #[test]
    fn no_link_leads_out_and_no_file_becomes_a_folder() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(outside.path(), root.path().join("link")).unwrap();
        std::fs::write(root.path().join("file"), "").unwrap();
        for (path, part) in [("/link/x", "/link is"), ("/file/x", "/file is")] {
            let error = made(root.path(), path).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        for path in ["relative", "/a/../b"] {
            let error = made(root.path(), path).unwrap_err();
            assert!(
                matches!(error, BindError::NotAbsolute { .. }),
                "{path}: {error}"
            );
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
