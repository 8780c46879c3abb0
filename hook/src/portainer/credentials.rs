//! The secrets of Portainer in the configuration's `secrets/` folder, one file each, mode 0600.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use phoenix_common::fs::{FileError, read_limited, write_atomic};
use phoenix_common::secret::Secret;

use super::error::PortainerError;
use crate::lock::create_private_dir;
use crate::paths::Paths;

/// A password or key is a line.
const SECRET_LIMIT_BYTES: u64 = 4096;
/// What is made by ourselves has 256 bits.
const RANDOM_BYTES: usize = 32;
/// A server admits ten log-ins at once and one a second from then on; above that it bans the address for an hour.
const LOGIN_PAUSE: Duration = Duration::from_millis(1100);

/// Where the secrets are.
#[derive(Debug, Clone)]
pub struct SecretFiles {
    folder: PathBuf,
    login_stamp: PathBuf,
}

/// What server and agents are started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSecrets {
    pub admin_password: Secret,
    /// Known to the server and all its agents.
    pub agent_secret: Secret,
}

impl SecretFiles {
    pub fn new(paths: &Paths) -> Self {
        Self {
            folder: paths.secrets_dir(),
            login_stamp: paths.run_dir().join("portainer-login"),
        }
    }

    /// The password of the first administrator; the operator may put one here before the first run.
    pub fn admin_password_file(&self) -> PathBuf {
        self.folder.join("portainer_admin_password")
    }

    fn agent_secret_file(&self) -> PathBuf {
        self.folder.join("portainer_agent_secret")
    }

    fn api_key_file(&self) -> PathBuf {
        self.folder.join("portainer_api_key")
    }

    /// Password and agent secret; `None` while one of them is missing.
    ///
    /// # Errors
    /// A file is there and cannot be read, or is empty.
    pub fn instance(&self) -> Result<Option<InstanceSecrets>, FileError> {
        let password = read(&self.admin_password_file())?;
        let agent = read(&self.agent_secret_file())?;
        Ok(password
            .zip(agent)
            .map(|(admin_password, agent_secret)| InstanceSecrets {
                admin_password,
                agent_secret,
            }))
    }

    /// Makes those of password and agent secret that are missing; what is there stays.
    ///
    /// # Errors
    /// No random numbers, or the folder cannot be written.
    pub fn generate_missing(&self) -> Result<(), PortainerError> {
        for path in [self.admin_password_file(), self.agent_secret_file()] {
            if read(&path)?.is_none() {
                self.create(&path)?;
            }
        }
        Ok(())
    }

    /// Another process may do the same now: who comes first wins, and both use its file.
    fn create(&self, path: &Path) -> Result<(), PortainerError> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(|source| PortainerError::Random { source })?;
        let failed = |source: io::Error| FileError::Write {
            path: path.to_owned(),
            source,
        };
        create_private_dir(&self.folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
        writeln!(file, "{}", URL_SAFE_NO_PAD.encode(random)).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                Err(failed(error.error).into())
            }
            _ => Ok(()),
        }
    }

    /// The stored API key.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn api_key(&self) -> Result<Option<Secret>, FileError> {
        read(&self.api_key_file())
    }

    pub(super) fn store_api_key(&self, key: &Secret) -> Result<(), FileError> {
        let path = self.api_key_file();
        create_private_dir(&self.folder).map_err(|source| FileError::Write {
            path: path.clone(),
            source,
        })?;
        write_atomic(&path, format!("{}\n", key.expose()).as_bytes(), 0o600)
    }

    /// Waits until the next log-in cannot add up to a ban, also over processes. The caller holds Portainer's lock.
    pub(super) async fn pace_login(&self) {
        let last = std::fs::metadata(&self.login_stamp).and_then(|found| found.modified());
        let passed = last
            .ok()
            .and_then(|last| SystemTime::now().duration_since(last).ok());
        if let Some(left) = passed.and_then(|passed| LOGIN_PAUSE.checked_sub(passed)) {
            tokio::time::sleep(left).await;
        }
        // Only the pace hangs on it.
        if let Some(folder) = self.login_stamp.parent() {
            let _ = create_private_dir(folder);
        }
        let _ = write_atomic(&self.login_stamp, b"", 0o600);
    }
}

/// A secret's file without its line end.
fn read(path: &Path) -> Result<Option<Secret>, FileError> {
    let bytes = match read_limited(path, SECRET_LIMIT_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let wrong = |reason: &str| FileError::Read {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, reason),
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(wrong("it is empty: put a secret there, or remove the file"));
    }
    if text.contains(char::is_control) {
        return Err(wrong("it holds more than one line"));
    }
    Ok(Some(Secret::new(text)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_missing_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let files = SecretFiles::new(&Paths::new(folder.path()));
        assert_eq!(files.instance().unwrap(), None);
        std::fs::create_dir_all(folder.path().join("etc/phoenix/secrets")).unwrap();
        std::fs::write(files.admin_password_file(), "the operator's own\n").unwrap();
        files.generate_missing().unwrap();
        let first = files.instance().unwrap().unwrap();
        assert_eq!(first.admin_password, Secret::new("the operator's own"));
        assert_eq!(first.agent_secret.expose().len(), 43);
        let mode = std::fs::metadata(files.agent_secret_file()).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        files.generate_missing().unwrap();
        assert_eq!(files.instance().unwrap(), Some(first));
    }

    #[test]
    fn an_empty_password_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let files = SecretFiles::new(&Paths::new(folder.path()));
        std::fs::create_dir_all(folder.path().join("etc/phoenix/secrets")).unwrap();
        std::fs::write(files.admin_password_file(), "\n").unwrap();
        assert!(files.instance().is_err());
        assert!(files.generate_missing().is_err());
    }
}
