//! Docker as a service of the guest: installed, enabled, answering.

use std::collections::BTreeSet;
use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};

use super::apt;
use super::error::GuestError;
use super::observed::DockerService;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::paths::Paths;
use crate::program;

const UNITS: [&str; 2] = ["docker.socket", "docker.service"];
/// How long an engine may take from its start to its first answer.
const START_DEADLINE: Duration = Duration::from_mins(2);

pub(super) async fn observe(
    paths: &Paths,
    packages: &BTreeSet<String>,
) -> Result<DockerService, GuestError> {
    let has_package = ["docker-ce", "docker.io"]
        .iter()
        .any(|name| packages.contains(*name));
    // A snap's engine, or one that was copied there, is of no package and not in our search path.
    let answers = ping(paths).await.is_ok();
    let is_installed = answers || has_package || paths.program("dockerd").is_some();
    if !is_installed {
        return Ok(DockerService::default());
    }
    Ok(DockerService {
        is_installed,
        disabled_units: disabled_units(paths).await?,
        answers,
    })
}

/// Installs Debian's engine from the guest's own mirror.
pub(super) async fn install(paths: &Paths) -> Result<(), GuestError> {
    let update = apt::update(paths).await;
    let mut packages = vec!["docker.io", "ca-certificates"];
    // Debian 13 has the client in a package of its own.
    if apt::is_available(paths, "docker-cli").await? {
        packages.push("docker-cli");
    }
    apt::install_after(update, paths, &packages).await
}

/// Enables the units, starts them if the engine is silent, and waits for its answer.
pub(super) async fn start(paths: &Paths) -> Result<(), GuestError> {
    let answers = ping(paths).await.is_ok();
    let units = existing_units(paths).await?;
    if !units.is_empty() {
        let systemctl = || program::command(paths, "systemctl");
        if answers {
            // Not `--now`: systemd refuses to start a socket whose service runs already.
            systemctl()?.arg("enable").args(units).run().await?;
        } else {
            // A unit that failed too often is started by nobody until this is forgotten.
            let _ = systemctl()?
                .arg("reset-failed")
                .args(units.clone())
                .run()
                .await;
            systemctl()?
                .args(["enable", "--now"])
                .args(units)
                .deadline(START_DEADLINE)
                .run()
                .await?;
        }
    } else if !answers {
        return Err(GuestError::NoSystemd);
    }
    await_answer(paths).await
}

pub(super) async fn await_answer(paths: &Paths) -> Result<(), GuestError> {
    let deadline = Deadline::after(START_DEADLINE);
    let mut pauses = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    loop {
        match ping(paths).await {
            Ok(()) => return Ok(()),
            Err(error) if deadline.has_passed() => return Err(GuestError::DockerSilent(error)),
            Err(_) => tokio::time::sleep(pauses.next().unwrap_or_default()).await,
        }
    }
}

async fn ping(paths: &Paths) -> Result<(), EngineError> {
    Engine::connect(&paths.docker_socket()).await?.ping().await
}

async fn disabled_units(paths: &Paths) -> Result<Vec<String>, GuestError> {
    Ok(units(paths)
        .await?
        .into_iter()
        .filter(|unit| unit.file_state != "enabled")
        .map(|unit| unit.name)
        .collect())
}

async fn existing_units(paths: &Paths) -> Result<Vec<String>, GuestError> {
    Ok(units(paths)
        .await?
        .into_iter()
        .map(|unit| unit.name)
        .collect())
}

#[derive(Debug, PartialEq, Eq)]
struct Unit {
    name: String,
    file_state: String,
}

/// Docker's units that exist; none without systemd.
async fn units(paths: &Paths) -> Result<Vec<Unit>, GuestError> {
    if !paths.at("/run/systemd/system").is_dir() {
        return Ok(Vec::new());
    }
    let output = program::command(paths, "systemctl")?
        .args(["show", "--property=Id,LoadState,UnitFileState"])
        .args(UNITS)
        .deadline(Duration::from_secs(30))
        .run()
        .await?;
    Ok(parse_units(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_units(text: &str) -> Vec<Unit> {
    text.split("\n\n")
        .filter_map(|block| {
            let value = |name: &str| {
                let value = block
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
                value.unwrap_or_default().to_owned()
            };
            // A masked unit is listed too, so that enabling it fails with systemd's own words.
            (value("LoadState") != "not-found" && !value("Id").is_empty()).then(|| Unit {
                name: value("Id"),
                file_state: value("UnitFileState"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_from_systemctl_show() {
        let text = "Id=docker.socket\nLoadState=loaded\nUnitFileState=enabled\n\n\
                    Id=docker.service\nLoadState=loaded\nUnitFileState=disabled\n";
        let units = parse_units(text);
        let states: Vec<(&str, &str)> = units
            .iter()
            .map(|unit| (unit.name.as_str(), unit.file_state.as_str()))
            .collect();
        assert_eq!(
            states,
            [("docker.socket", "enabled"), ("docker.service", "disabled")]
        );
        let none = "Id=docker.socket\nLoadState=not-found\nUnitFileState=\n";
        assert_eq!(parse_units(none), []);
    }
}
