//! Carries out one step on volumes.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use phoenix_common::command::CommandError;
use phoenix_common::fs::write_atomic;
use phoenix_common::log::Chain;
use phoenix_common::spec::VolumeSpec;

use super::error::VolumeError;
use super::observe::guard_paths;
use super::plan::VolumeAction;
use super::systemctl::{active, attempt, systemctl};
use super::{bare, mount_table, unit};
use crate::paths::Paths;
use crate::program;
use crate::progress::ProgressLog;

const STEP: &str = "volumes";
const QUICK: Duration = Duration::from_secs(30);
/// More than the mount unit's own limit.
const MOUNT_DEADLINE: Duration = Duration::from_secs(75);
/// Containers have their own time to end.
const STOP_DEADLINE: Duration = Duration::from_mins(4);
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);

/// What runs containers, in the order in which it is started.
const ENGINES: [&str; 3] = ["containerd.service", "docker.socket", "docker.service"];

/// Does it, and says so.
///
/// # Errors
/// It is not done; the next run begins again where this one ended.
pub async fn execute(
    paths: &Paths,
    action: &VolumeAction,
    progress: &mut ProgressLog,
) -> Result<(), VolumeError> {
    match action {
        VolumeAction::Guard { files, .. } => {
            progress.step(STEP, "start order of Docker");
            guard(paths, files).await
        }
        VolumeAction::Unmount {
            volume,
            mount_point,
        } => {
            progress.step(STEP, &format!("unmounting {volume} from {mount_point}"));
            unmount(paths, mount_point).await
        }
        VolumeAction::Mount {
            volume,
            source,
            replaces,
            ..
        } => {
            progress.step(
                STEP,
                &format!("mounting {source} at {}", volume.mount_point),
            );
            if *replaces {
                progress.step(STEP, "stopping Docker and its containers for it");
                return replace(paths, volume, source).await;
            }
            mount(paths, volume, source).await
        }
    }
}

async fn guard(paths: &Paths, files: &BTreeMap<String, String>) -> Result<(), VolumeError> {
    for path in guard_paths() {
        if let Some(text) = files.get(&path) {
            write(paths, &path, text)?;
        } else {
            if path.ends_with(unit::RECOVERY) {
                // Whether it was enabled or runs: it shall not any more.
                let _ = attempt(paths, &["disable", "--now", unit::RECOVERY], QUICK).await?;
            }
            remove(paths, &path)?;
        }
    }
    systemctl(paths, &["daemon-reload"], QUICK).await?;
    if !files.is_empty() {
        systemctl(paths, &["enable", unit::RECOVERY], QUICK).await?;
        // One that tries right now knows the former volumes.
        let words = ["--no-block", "try-restart", unit::RECOVERY];
        systemctl(paths, &words, QUICK).await?;
    }
    Ok(())
}

/// Mounts with another source or other options. Docker stops with the mount that it requires, so it is stopped
/// in order, and started again whatever comes of it; what it requires then decides whether it may.
async fn replace(paths: &Paths, volume: &VolumeSpec, source: &str) -> Result<(), VolumeError> {
    let running = active(paths, &ENGINES).await?;
    if !running.is_empty() {
        let words: Vec<&str> = ["stop"]
            .into_iter()
            .chain(running.iter().rev().copied())
            .collect();
        systemctl(paths, &words, STOP_DEADLINE).await?;
    }
    let mounted = match stop(paths, &volume.mount_point).await {
        Ok(()) => mount(paths, volume, source).await,
        Err(error) => Err(error),
    };
    if !running.is_empty() {
        let words: Vec<&str> = ["start"]
            .into_iter()
            .chain(running.iter().copied())
            .collect();
        if let Err(error) = attempt(paths, &words, STOP_DEADLINE).await? {
            tracing::warn!("Docker does not start: {}", Chain(&error));
        }
    }
    mounted
}

async fn mount(paths: &Paths, volume: &VolumeSpec, source: &str) -> Result<(), VolumeError> {
    let name = unit::mount_unit_name(&volume.mount_point);
    let path = format!("{}/{name}", unit::FOLDER);
    bare::protect(paths, &volume.mount_point)?;
    write(paths, &path, &unit::mount_unit(volume, source))?;
    systemctl(paths, &["daemon-reload"], QUICK).await?;
    systemctl(paths, &["enable", &name], QUICK).await?;
    if let Err(error) = attempt(paths, &["start", &name], MOUNT_DEADLINE).await? {
        return Err(VolumeError::Mount {
            mount_point: volume.mount_point.clone(),
            source_name: source.to_owned(),
            source: Box::new(cause(paths, &name, error).await),
        });
    }
    prove(paths, &volume.mount_point, source).await
}

/// systemctl says "see the journal"; what mount(8) said is there.
async fn cause(paths: &Paths, unit: &str, error: CommandError) -> CommandError {
    let (
        Ok(journalctl),
        CommandError::Failed {
            command, status, ..
        },
    ) = (program::command(paths, "journalctl"), &error)
    else {
        return error;
    };
    let lines = journalctl
        .args([
            "--no-pager",
            "-q",
            "-o",
            "cat",
            "-n",
            "20",
            "-t",
            "mount",
            "-u",
            unit,
        ])
        .deadline(QUICK)
        .run()
        .await;
    let said = lines.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match said
        .ok()
        .and_then(|text| text.lines().last().map(str::to_owned))
    {
        Some(said) => CommandError::Failed {
            command: command.clone(),
            status: status.clone(),
            stderr: said,
        },
        None => error,
    }
}

/// The kernel shows the declared source there, and the server answers.
async fn prove(paths: &Paths, mount_point: &str, source: &str) -> Result<(), VolumeError> {
    let entries = mount_table::read(&paths.at("/proc/self/mountinfo"))?;
    let found = mount_table::at(&entries, mount_point).map(|entry| entry.source.as_str());
    if found.map(|found| found.trim_end_matches('/')) != Some(source.trim_end_matches('/')) {
        return Err(VolumeError::NotProven {
            mount_point: mount_point.to_owned(),
            wanted: source.to_owned(),
            found: found.unwrap_or("nothing").to_owned(),
        });
    }
    let asked = program::command(paths, "stat")?
        .args(["-f", "-c", "%T"])
        .arg(paths.at(mount_point))
        .deadline(ANSWER_DEADLINE)
        .run()
        .await;
    asked.map(drop).map_err(|error| VolumeError::Silent {
        mount_point: mount_point.to_owned(),
        source_name: source.to_owned(),
        source: Box::new(error),
    })
}

/// Unmounts, forgets the unit, and gives the folder back. The unit's file goes last: it is what says that
/// there is something to do.
async fn unmount(paths: &Paths, mount_point: &str) -> Result<(), VolumeError> {
    let name = unit::mount_unit_name(mount_point);
    stop(paths, mount_point).await?;
    systemctl(paths, &["disable", &name], QUICK).await?;
    bare::release(paths, mount_point)?;
    remove(paths, &format!("{}/{name}", unit::FOLDER))?;
    systemctl(paths, &["daemon-reload"], QUICK).await?;
    // It may have failed before.
    let _ = attempt(paths, &["reset-failed", &name], QUICK).await?;
    Ok(())
}

async fn stop(paths: &Paths, mount_point: &str) -> Result<(), VolumeError> {
    let name = unit::mount_unit_name(mount_point);
    if let Err(source) = attempt(paths, &["stop", &name], MOUNT_DEADLINE).await? {
        return Err(VolumeError::Busy {
            mount_point: mount_point.to_owned(),
            source: Box::new(source),
        });
    }
    let entries = mount_table::read(&paths.at("/proc/self/mountinfo"))?;
    match mount_table::at(&entries, mount_point) {
        None => Ok(()),
        Some(_) => Err(VolumeError::StillMounted {
            mount_point: mount_point.to_owned(),
        }),
    }
}

fn write(paths: &Paths, path: &str, text: &str) -> Result<(), VolumeError> {
    let path = paths.at(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| VolumeError::Folder {
            path: folder.to_owned(),
            source,
        })?;
    }
    write_atomic(&path, text.as_bytes(), 0o644)?;
    Ok(())
}

fn remove(paths: &Paths, path: &str) -> Result<(), VolumeError> {
    let path = paths.at(path);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(VolumeError::Folder { path, source })
        }
        _ => Ok(()),
    }
}
