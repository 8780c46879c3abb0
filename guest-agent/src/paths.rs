//! Every place this program reads or writes, below one root.

use std::path::{Path, PathBuf};

/// Folders that programs are looked up in. The QEMU guest agent gives a minimal PATH, so none is inherited.
const PROGRAM_FOLDERS: [&str; 6] = [
    "usr/local/sbin",
    "usr/local/bin",
    "usr/sbin",
    "usr/bin",
    "sbin",
    "bin",
];

/// The file system as this program sees it: `/`, or the folder in `PHOENIX_ROOT`.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// From `PHOENIX_ROOT`; `/` when it is unset or empty.
    pub fn from_environment() -> Self {
        match std::env::var_os("PHOENIX_ROOT") {
            Some(root) if !root.is_empty() => Self::new(root),
            _ => Self::new("/"),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether this is the guest itself and not a folder of a test.
    pub fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    /// `absolute`, a path such as `/etc/os-release`, below the root.
    pub fn at(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    pub fn docker_socket(&self) -> PathBuf {
        crate::docker::engine::Engine::socket_below(&self.root)
    }

    /// Where jobs live: on tmpfs, so that they vanish with the boot they belong to.
    pub fn jobs(&self) -> PathBuf {
        self.at("/run/phoenix-guest-agent/jobs")
    }

    /// The first administrator's password, mounted into Portainer's container; it must survive a reboot.
    pub fn portainer_password(&self) -> PathBuf {
        self.at("/var/lib/phoenix-guest-agent/portainer/admin_password")
    }

    /// The program `name`, if it is installed.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        PROGRAM_FOLDERS
            .iter()
            .map(|folder| self.root.join(folder).join(name))
            .find(|path| path.is_file())
    }

    /// The PATH given to programs.
    pub fn search_path(&self) -> String {
        let folders = PROGRAM_FOLDERS.map(|folder| self.root.join(folder).display().to_string());
        folders.join(":")
    }
}
