//! systemd, asked and told by systemctl.

use std::time::Duration;

use phoenix_common::command::CommandError;

use super::error::VolumeError;
use crate::paths::Paths;
use crate::program;

/// Runs systemctl; what it prints.
pub(super) async fn systemctl(
    paths: &Paths,
    words: &[&str],
    deadline: Duration,
) -> Result<String, VolumeError> {
    if !paths.at("/run/systemd/system").is_dir() {
        return Err(VolumeError::NoSystemd);
    }
    let command = program::command(paths, "systemctl")?;
    let output = command.args(words).deadline(deadline).run().await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// As [`systemctl`], where its failure has a meaning of its own.
pub(super) async fn attempt(
    paths: &Paths,
    words: &[&str],
    deadline: Duration,
) -> Result<Result<String, CommandError>, VolumeError> {
    match systemctl(paths, words, deadline).await {
        Ok(output) => Ok(Ok(output)),
        Err(VolumeError::Command(error)) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

/// Those of `units` that run.
pub(super) async fn active<'unit>(
    paths: &Paths,
    units: &[&'unit str],
) -> Result<Vec<&'unit str>, VolumeError> {
    let mut active = Vec::new();
    for unit in units {
        let words = ["show", "--property=ActiveState", "--value", unit];
        let state = systemctl(paths, &words, Duration::from_secs(30)).await?;
        if ["active", "activating", "reloading"].contains(&state.trim()) {
            active.push(*unit);
        }
    }
    Ok(active)
}
