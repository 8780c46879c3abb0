//! Writes Docker's configuration, checked by dockerd itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use phoenix_common::fs::{FileError, write_atomic};

use super::error::GpuError;
use super::observe::{FILE, read};
use super::plan::OfferGpus;
use crate::paths::Paths;
use crate::program;
use crate::progress::ProgressLog;

const RESTART_DEADLINE: Duration = Duration::from_mins(4);

/// Writes the file whole, with all that is not about GPUs as it was; restarts the engine if the step says so.
///
/// # Errors
/// The file is as it was, or the engine has not read it yet: the next run sees either.
pub async fn execute(
    paths: &Paths,
    action: &OfferGpus,
    progress: &mut ProgressLog,
) -> Result<(), GpuError> {
    progress.step(
        "gpu",
        &format!("{} in Docker's configuration", action.gpus.len()),
    );
    let file = read(paths)?;
    if file.gpus() != action.gpus {
        write(paths, &file.with_gpus(&action.gpus)).await?;
    }
    if action.restart {
        progress.step("gpu", "restarting Docker");
        program::command(paths, "systemctl")?
            .args(["restart", "docker.service"])
            .deadline(RESTART_DEADLINE)
            .run()
            .await?;
    }
    Ok(())
}

async fn write(paths: &Paths, text: &str) -> Result<(), GpuError> {
    let path = paths.at(FILE);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let failed = |path: &Path, source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
    let mode = fs::metadata(&path).map_or(0o644, |metadata| metadata.permissions().mode());
    let candidate = folder.join(".phoenix-daemon.json");
    write_atomic(&candidate, text.as_bytes(), mode & 0o7777)?;
    let checked = check(paths, &candidate).await;
    if checked.is_err() {
        let _ = fs::remove_file(&candidate);
        return checked;
    }
    fs::rename(&candidate, &path).map_err(|source| failed(&path, source))?;
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    Ok(synced.map_err(|source| failed(folder, source))?)
}

/// `dockerd --validate`, which engines before 23.0 do not have.
async fn check(paths: &Paths, candidate: &Path) -> Result<(), GpuError> {
    let Ok(dockerd) = program::command(paths, "dockerd") else {
        return Ok(());
    };
    let ended = dockerd
        .arg("--validate")
        .arg("--config-file")
        .arg(candidate)
        .deadline(Duration::from_secs(30))
        .run_to_exit()
        .await?;
    let said = String::from_utf8_lossy(&ended.output.stderr).into_owned();
    if ended.code == 0 || said.contains("unknown flag: --validate") {
        return Ok(());
    }
    Err(GpuError::NotValid { said })
}
