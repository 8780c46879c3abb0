//! How a server double is started: the flags of the real server that Phoenix uses.

use std::path::{Path, PathBuf};

use super::behaviour::ServerVersion;

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    pub version: ServerVersion,
    /// `--data`: database, key, certificate and stack files.
    pub data: PathBuf,
    /// `--bind`; none with `--http-disabled`.
    pub http: Option<String>,
    /// `--bind-https`.
    pub https: String,
    /// The text of `--admin-password-file`.
    pub admin_password: Option<String>,
    /// `AGENT_SECRET`.
    pub agent_secret: Option<String>,
    /// `--setup-token`.
    pub setup_token: Option<String>,
    /// `--no-setup-token`.
    pub no_setup_token: bool,
    /// PEM files of `--tlscert` and `--tlskey`.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Folder with `docker-compose` and `docker`, for agents in front of a real engine.
    pub tools: PathBuf,
}

impl Options {
    /// On free ports of 127.0.0.1, with a password file.
    pub fn local(version: &str, data: &Path) -> Self {
        Self {
            version: ServerVersion::of(version),
            data: data.to_owned(),
            http: Some("127.0.0.1:0".to_owned()),
            https: "127.0.0.1:0".to_owned(),
            admin_password: Some(super::ADMIN_PASSWORD.to_owned()),
            agent_secret: None,
            setup_token: None,
            no_setup_token: false,
            certificate: None,
            tools: PathBuf::from("/usr/bin"),
        }
    }
}
