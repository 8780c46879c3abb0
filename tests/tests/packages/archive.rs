//! A built package.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One `.deb` of `$PHOENIX_DEB_DIR`, or one made from it.
pub(crate) struct Archive {
    path: PathBuf,
    /// Keeps a made one alive.
    _folder: Option<tempfile::TempDir>,
}

impl Archive {
    /// The package of that name that `make deb PROFILE=lab` built.
    pub(crate) fn built(package: &str) -> Self {
        let folder = std::env::var_os("PHOENIX_DEB_DIR")
            .expect("PHOENIX_DEB_DIR is set (make test-lab does)");
        let mut found: Vec<PathBuf> = std::fs::read_dir(&folder)
            .expect("the folder of the packages")
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
            })
            .collect();
        assert_eq!(
            found.len(),
            1,
            "{package} in {}: {found:?}",
            folder.display()
        );
        Self {
            path: found.remove(0),
            _folder: None,
        }
    }

    /// The same package as version `version`.
    pub(crate) fn as_version(&self, version: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (tree, path) = (
            folder.path().join("tree"),
            folder.path().join("package.deb"),
        );
        dpkg_deb(&["--raw-extract".as_ref(), &self.path, &tree]);
        let control = tree.join("DEBIAN/control");
        let text = std::fs::read_to_string(&control).unwrap();
        let lines: Vec<String> = text
            .lines()
            .map(|line| match line.strip_prefix("Version: ") {
                Some(_) => format!("Version: {version}"),
                None => line.to_owned(),
            })
            .collect();
        std::fs::write(&control, lines.join("\n") + "\n").unwrap();
        dpkg_deb(&[
            "--root-owner-group".as_ref(),
            "--build".as_ref(),
            &tree,
            &path,
        ]);
        Self {
            path,
            _folder: Some(folder),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    /// One file of it, by its path in the package.
    pub(crate) fn member(&self, path: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        dpkg_deb(&["--extract".as_ref(), &self.path, folder.path()]);
        std::fs::read(folder.path().join(path)).unwrap()
    }
}

fn dpkg_deb(arguments: &[&Path]) {
    let output = Command::new("dpkg-deb").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "dpkg-deb {arguments:?}: {said}");
}
