//! `docker-compose` and `docker` of Debian 13: what the Portainer double deploys with, kept in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::LabError;
use super::run::Run;
use super::{apt_sources, cache};

/// Where the packages put the tools, and their names here.
const TOOLS: [(&str, &str); 2] = [
    (
        "usr/libexec/docker/cli-plugins/docker-compose",
        "docker-compose",
    ),
    ("usr/bin/docker", "docker"),
];

/// The folder with the tools, fetched when the cache has none.
///
/// # Errors
/// apt could not fetch the packages.
pub fn portainer_tools() -> Result<PathBuf, LabError> {
    let is_whole = |folder: &Path| TOOLS.iter().all(|(_, name)| folder.join(name).is_file());
    cache::entry("portainer-tools-1", is_whole, fetch)
}

/// With an apt of its own beside the machine's, whose suite may be another.
fn fetch(folder: &Path) -> Result<(), LabError> {
    let apt = folder.join("apt");
    for made in ["state/lists/partial", "cache/archives/partial", "packages"] {
        let made = apt.join(made);
        fs::create_dir_all(&made).map_err(LabError::path("create", &made))?;
    }
    let source = format!(
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {} trixie main\n",
        apt_sources::mirror()?
    );
    for (name, text) in [("sources.list", source.as_str()), ("status", "")] {
        let path = apt.join(name);
        fs::write(&path, text).map_err(LabError::path("write", &path))?;
    }
    let script = "cd \"$1\"; \
        apt() { apt-get -qq -o Dir::Etc::SourceList=\"$1/sources.list\" \
            -o Dir::Etc::SourceParts=/dev/null -o Dir::State=\"$1/state\" \
            -o Dir::State::status=\"$1/status\" -o Dir::Cache=\"$1/cache\" \
            -o APT::Sandbox::User=root -o Acquire::Languages=none \"${@:2}\"; }; \
        apt \"$1\" update && cd packages && apt \"$1\" download docker-compose docker-cli && \
        for package in *.deb; do dpkg -x \"$package\" root || exit 1; done";
    Run::new(["bash", "-c", script, "bash"])
        .arg(&apt)
        .deadline(Duration::from_mins(10))
        .ok()?;
    for (source, name) in TOOLS {
        let source = apt.join("packages/root").join(source);
        fs::rename(&source, folder.join(name)).map_err(LabError::path("move", &source))?;
    }
    cache::remove(&apt)
}
