//! The logins that `docker login` left in `~/.docker/config.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use phoenix_common::fs::read_limited;
use phoenix_common::secret::Secret;
use phoenix_common::spec::RegistryLogin;
use serde::Deserialize;

const LIMIT_BYTES: u64 = 1 << 20;

#[derive(Default, Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    /// base64 of `user:password`; missing where a credential store has it.
    #[serde(default)]
    auth: Option<Secret>,
}

/// The logins of this user, and what about them could not be used; a missing file has none.
pub(super) fn logins() -> (Vec<RegistryLogin>, Option<String>) {
    let Some(path) = path() else {
        return (Vec::new(), None);
    };
    read(&path)
}

fn path() -> Option<PathBuf> {
    let folder = match std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".docker"),
    };
    Some(folder.join("config.json"))
}

fn read(path: &Path) -> (Vec<RegistryLogin>, Option<String>) {
    let shown = path.display();
    let bytes = match read_limited(path, LIMIT_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return (Vec::new(), None),
        Err(_) => {
            return (
                Vec::new(),
                Some(format!("{shown} cannot be read: no logins")),
            );
        }
    };
    let Ok(config) = serde_json::from_slice::<DockerConfig>(&bytes) else {
        return (
            Vec::new(),
            Some(format!("{shown} is not understood: no logins")),
        );
    };
    let logins: Vec<RegistryLogin> = config
        .auths
        .iter()
        .filter_map(|(server, entry)| login(server, entry.auth.as_ref()?))
        .collect();
    let store = config.store.filter(|store| !store.is_empty());
    let unread = store.filter(|_| logins.len() < config.auths.len());
    let notice = unread.map(|store| {
        format!(
            "{shown}: logins in the credential store {store:?} are not read, only those in the file"
        )
    });
    (logins, notice)
}

fn login(server: &str, auth: &Secret) -> Option<RegistryLogin> {
    let engine = base64::engine::general_purpose::STANDARD;
    let text = String::from_utf8(engine.decode(auth.expose()).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(RegistryLogin {
        server: server.to_owned(),
        username: username.to_owned(),
        // Older clients pad it with zeros.
        password: Secret::new(password.trim_end_matches('\0')),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_come_from_the_file_and_a_store_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        assert_eq!(read(&path), (Vec::new(), None));
        let text = r#"{"auths": {"registry.example": {"auth": "Y2k6YTpi"}, "stored.example": {}}, "credsStore": "pass"}"#;
        std::fs::write(&path, text).unwrap();
        let (logins, notice) = read(&path);
        assert_eq!(logins.len(), 1);
        assert_eq!(
            (logins[0].username.as_str(), logins[0].password.expose()),
            ("ci", "a:b")
        );
        assert!(notice.unwrap().contains("\"pass\""));
        std::fs::write(&path, "{").unwrap();
        assert!(read(&path).1.unwrap().contains("not understood"));
    }
}
