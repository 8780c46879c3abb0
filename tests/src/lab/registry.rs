//! A real registry on the lab's bridge: Debian's docker-registry, unpacked in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use phoenix_common::retry::Deadline;
use tokio::process::{Child, Command};

use super::error::LabError;
use super::http::HttpRequest;
use super::layout::Layout;
use super::spec::GATEWAY;
use super::unpacked;

/// Where images of the lab are pulled from.
pub const REGISTRY: &str = "192.168.77.254:5000";

/// The registry's program, fetched when the cache has none.
///
/// # Errors
/// apt could not fetch the package.
pub fn registry_program() -> Result<PathBuf, LabError> {
    unpacked::program("registry-1", "docker-registry", "usr/bin/docker-registry")
}

/// Starts it on the bridge, with a store of its own; from inside the lab's network.
pub(super) fn start(program: &Path, layout: &Layout) -> Result<Child, LabError> {
    let folder = layout.registry();
    fs::create_dir_all(&folder).map_err(LabError::path("create", &folder))?;
    let store = folder.join("store");
    let config = folder.join("config.yml");
    let text = format!(
        "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\n  \
         delete:\n    enabled: true\nhttp:\n  addr: {GATEWAY}:5000\n",
        store.display()
    );
    fs::write(&config, text).map_err(LabError::path("write", &config))?;
    let log_path = folder.join("log");
    let log = fs::File::create(&log_path).map_err(LabError::path("create", &log_path))?;
    Command::new(program)
        .arg("serve")
        .arg(&config)
        .env_clear()
        .env("OTEL_TRACES_EXPORTER", "none")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| LabError::Spawn {
            command: program.display().to_string(),
            source,
        })
}

/// Waits until it answers; from inside the lab's network.
pub(super) fn wait() -> Result<(), LabError> {
    let deadline = Deadline::after(Duration::from_secs(20));
    loop {
        match HttpRequest::get(&format!("{REGISTRY}/v2/")).send() {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Err(error) if deadline.has_passed() => return Err(error),
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
