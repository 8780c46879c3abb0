//! A real nginx on the lab's bridge that passes requests on to guests: Debian's, unpacked in the cache.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use phoenix_common::retry::Deadline;

use super::error::LabError;
use super::spec::GATEWAY;
use super::{Lab, unpacked};

const PORT: u16 = 8000;

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// Passes every request to one of `upstreams` (`address:port`), to the next one when the connection fails: the
    /// default of nginx, but for the second after which a connection counts as failed.
    ///
    /// # Errors
    /// apt could not fetch it, or it does not start.
    pub fn start(lab: &Lab, upstreams: &[&str]) -> Result<Self, LabError> {
        let program = unpacked::program("nginx-1", "nginx", "usr/sbin/nginx")?;
        let scratch = std::env::temp_dir();
        let folder = tempfile::tempdir().map_err(LabError::path("create a folder in", &scratch))?;
        let config = folder.path().join("nginx.conf");
        fs::write(&config, text(folder.path(), upstreams))
            .map_err(LabError::path("write", &config))?;
        let process = Command::new("nsenter")
            .args(["-t", &lab.pid()?.to_string(), "-n", "--"])
            .arg(program)
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&config)
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .stdin(Stdio::null())
            .spawn()
            .map_err(|source| LabError::Spawn {
                command: "nginx".to_owned(),
                source,
            })?;
        let nginx = Self {
            process,
            _folder: folder,
        };
        let deadline = Deadline::after(Duration::from_secs(20));
        let url = format!("{}/", Self::address());
        while let Err(error) = lab.http_get(&url) {
            if deadline.has_passed() {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }

    /// `address:port` on the lab's network.
    pub fn address() -> String {
        format!("{GATEWAY}:{PORT}")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn text(folder: &Path, upstreams: &[&str]) -> String {
    let folder = folder.display();
    let servers = upstreams.join("; server ");
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{ worker_connections 512; }}\n\
         http {{\n  access_log off;\n{temporary}\
         \u{20} upstream web {{ server {servers}; }}\n\
         \u{20} server {{\n    listen {};\n    location / {{\n      proxy_pass http://web;\n\
         \u{20}     proxy_connect_timeout 1s;\n      proxy_next_upstream error timeout;\n    }}\n  }}\n}}\n",
        Nginx::address()
    )
}
