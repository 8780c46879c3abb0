//! The API token: `USER@REALM!ID=UUID`, in a file that only root may read.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use phoenix_common::fs::{FileError, read_limited};
use phoenix_common::secret::Secret;

const LIMIT_BYTES: u64 = 4096;

/// The value of the `Authorization` header.
#[derive(Debug, Clone)]
pub struct ApiToken(Secret);

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the API token")]
    File(#[from] FileError),
    #[error("{} can be read by others: chmod 600 it", path.display())]
    Exposed { path: PathBuf },
    #[error("{} holds no API token (one line: USER@REALM!ID=UUID)", path.display())]
    Malformed { path: PathBuf },
}

impl ApiToken {
    /// Reads the token.
    ///
    /// # Errors
    /// The file cannot be read, others may read it, or it holds something else.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let text = read_limited(path, LIMIT_BYTES)?;
        let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            return Err(TokenError::Exposed {
                path: path.to_owned(),
            });
        }
        let text = String::from_utf8_lossy(&text);
        Self::parse(&text).ok_or_else(|| TokenError::Malformed {
            path: path.to_owned(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // As Proxmox's own documentation writes the header.
        let text = text.strip_prefix("PVEAPIToken=").unwrap_or(text);
        let (who, secret) = text.split_once('=')?;
        let (user, id) = who.split_once('!')?;
        let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
        let complete = user.contains('@') && !id.is_empty() && !secret.is_empty();
        (graphic && complete).then(|| Self(Secret::new(format!("PVEAPIToken={text}"))))
    }

    pub(super) fn header(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_proxmox_shows_them() {
        let header = |text: &str| ApiToken::parse(text).map(|token| token.header().to_owned());
        let wanted = Some("PVEAPIToken=ph@pve!t2=0e-1".to_owned());
        assert_eq!(header("ph@pve!t2=0e-1\n"), wanted);
        assert_eq!(header("PVEAPIToken=ph@pve!t2=0e-1"), wanted);
        for wrong in [
            "",
            "ph@pve",
            "ph@pve!t2",
            "ph!t2=x",
            "ph@pve!=x",
            "ph@pve!t2=x\ny",
        ] {
            assert_eq!(header(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "ph@pve!t2=0e-1").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o644);
        assert!(matches!(
            ApiToken::load(&path),
            Err(TokenError::Exposed { .. })
        ));
        mode(0o600);
        let token = ApiToken::load(&path).unwrap();
        assert!(!format!("{token:?}").contains("0e-1"));
    }
}
