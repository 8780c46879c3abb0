//! The images `portainer/portainer-ce` and `portainer/agent` of the lab: the doubles and what they need.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::error::LabError;
use super::image::Image;
use super::portainer_tools::portainer_tools;
use super::run::Run;
use super::up::program;

/// Which of the two an image's name means, without its registry and tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Server,
    Agent,
}

impl Part {
    pub(super) fn of(name_and_tag: &str) -> Option<Self> {
        let name = name_and_tag
            .rsplit_once(':')
            .map_or(name_and_tag, |(name, _)| name);
        match name {
            "portainer/portainer-ce" => Some(Self::Server),
            "portainer/agent" => Some(Self::Agent),
            _ => None,
        }
    }

    /// The image of this version.
    pub(super) fn image(self, version: &str) -> Result<Image, LabError> {
        let scratch = std::env::temp_dir();
        let folder = tempfile::tempdir().map_err(LabError::path("create a folder in", &scratch))?;
        let root = folder.path().join("root");
        let bin = root.join("usr/bin");
        for made in [
            &bin,
            &root.join("tmp"),
            &root.join("data"),
            &root.join("var/run"),
        ] {
            fs::create_dir_all(made).map_err(LabError::path("create", made))?;
        }
        let double = bin.join("portainer-double");
        copy(&program("portainer-double")?, &double)?;
        // Debug information is most of it.
        Run::new(["strip"]).arg(&double).ok()?;
        libraries(&double, &root)?;
        if self == Self::Server {
            let tools = portainer_tools()?;
            for tool in ["docker", "docker-compose"] {
                copy(&tools.join(tool), &bin.join(tool))?;
                libraries(&tools.join(tool), &root)?;
            }
        }
        Image::pack(folder.path(), &self.config(version))
    }

    fn config(self, version: &str) -> Value {
        let (part, ports) = match self {
            Self::Server => (
                "server",
                json!({"9000/tcp": {}, "9443/tcp": {}, "8000/tcp": {}}),
            ),
            Self::Agent => ("agent", json!({"9001/tcp": {}})),
        };
        let version = format!("PORTAINER_DOUBLE_VERSION={version}");
        let mut config = json!({
            "Env": ["PATH=/usr/bin", version],
            "Entrypoint": ["/usr/bin/portainer-double", part],
            "ExposedPorts": ports,
            "WorkingDir": "/",
        });
        if self == Self::Server {
            config["Volumes"] = json!({"/data": {}});
        }
        config
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), LabError> {
    fs::copy(from, to)
        .map(drop)
        .map_err(LabError::path("copy", from))
}

/// Copies the shared libraries of a program and their loader, at their own places.
fn libraries(program: &Path, root: &Path) -> Result<(), LabError> {
    let listed = Run::new(["ldd"]).arg(program).ok()?.stdout;
    let paths = listed
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    for path in paths {
        let place = root.join(path.trim_start_matches('/'));
        if place.exists() {
            continue;
        }
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(LabError::path("create", folder))?;
        }
        copy(Path::new(path), &place)?;
    }
    Ok(())
}
