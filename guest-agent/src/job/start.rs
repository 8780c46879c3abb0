//! Starts a job in a process of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::fcntl::FlockArg;
use phoenix_common::fs::{write_atomic, write_json};
use phoenix_common::log::Chain;
use phoenix_common::retry::Deadline;
use phoenix_common::wire::{JobStarted, Work};

use super::error::JobError;
use super::folder::{self, JobFolder, Lock, start_lock_path};
use super::name::JobName;
use super::{status, sweep};
use crate::paths::Paths;
use crate::program;

/// How long a runner may take from exec to holding its lock.
const START_DEADLINE: Duration = Duration::from_secs(15);
/// How long to wait for another starter.
const QUEUE_DEADLINE: Duration = Duration::from_secs(20);

/// Starts `work` as the job `job`, or says that it is there already, or which other job works.
///
/// # Errors
/// The job could not be brought up; then it never runs.
pub async fn start(paths: &Paths, job: &JobName, work: &Work) -> Result<JobStarted, JobError> {
    folder::create_jobs_folder(paths)?;
    let folder = JobFolder::of(paths, job);
    let _start_lock = start_lock(paths).await?;
    if folder.exists() {
        return Ok(JobStarted::Attached);
    }
    if let Some(running) = status::running(paths).pop() {
        return Ok(JobStarted::Busy(running));
    }
    sweep::sweep(paths);
    create(&folder, work)?;
    tracing::info!(job = job.as_str(), "job {job} starts");
    if let Err(error) = launch(paths, job).await {
        if remove_unstarted(&folder) {
            return Err(error);
        }
        // systemd-run that is cut off, or loses the bus, may have started the unit all the same.
        tracing::warn!(
            job = job.as_str(),
            "job {job} runs although: {}",
            Chain(&error)
        );
    }
    wait_until_up(&folder).await.map(|()| JobStarted::Started)
}

/// Removes a job that nobody runs nor will run, so that the same one can be started again. False when a
/// runner has taken the request.
fn remove_unstarted(folder: &JobFolder) -> bool {
    let is_unstarted = status::give_up(folder) && !folder.started().exists();
    if is_unstarted {
        let _ = std::fs::remove_dir_all(folder.path());
    }
    is_unstarted
}

/// The work's kind as its tag on the wire says it.
pub fn kind(work: &Work) -> &'static str {
    match work {
        Work::ApplyGuest(_) => "apply_guest",
        Work::SwarmInit(_) => "swarm_init",
        Work::SwarmJoin(_) => "swarm_join",
        Work::SwarmLeave { .. } => "swarm_leave",
        Work::SwarmNodeUpdate(_) => "swarm_node_update",
        Work::SwarmNodeRemove { .. } => "swarm_node_remove",
        Work::DeployStack(_) => "deploy_stack",
        Work::RemoveStack { .. } => "remove_stack",
        Work::ApplyPortainer(_) => "apply_portainer",
        Work::PullImages(_) => "pull_images",
        Work::RemoveOrphans(_) => "remove_orphans",
        Work::MakeFolders { .. } => "make_folders",
        Work::RemoveStackVolumes { .. } => "remove_stack_volumes",
    }
}

async fn start_lock(paths: &Paths) -> Result<Lock, JobError> {
    let deadline = Deadline::after(QUEUE_DEADLINE);
    let path = start_lock_path(paths);
    loop {
        match folder::lock(&path, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                return Err(JobError::Folder {
                    path,
                    source: error,
                });
            }
            Err(_) if deadline.has_passed() => return Err(JobError::Starting),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn create(folder: &JobFolder, work: &Work) -> Result<(), JobError> {
    let failed = |source| JobError::File {
        job: folder.job().to_owned(),
        source,
    };
    folder.create()?;
    write_atomic(&folder.work(), kind(work).as_bytes(), 0o600).map_err(failed)?;
    write_json(&folder.request(), work).map_err(failed)
}

async fn launch(paths: &Paths, job: &JobName) -> Result<(), JobError> {
    let spawn_failed = |source| JobError::Spawn {
        job: job.to_string(),
        source,
    };
    let program = own_program().map_err(spawn_failed)?;
    if paths.at("/run/systemd/system").is_dir() {
        return launch_unit(paths, job, program).await;
    }
    std::process::Command::new(program)
        .args(["job-run", "--detach", job.as_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(spawn_failed)
}

/// A unit of its own: outside the cgroup of the QEMU guest agent, whose restart would kill the job.
async fn launch_unit(paths: &Paths, job: &JobName, program: PathBuf) -> Result<(), JobError> {
    let command =
        program::command(paths, "systemd-run").map_err(|source| JobError::NoSystemdRun {
            job: job.to_string(),
            source,
        })?;
    let mut command = command
        .args(["--collect", "--quiet", "--no-ask-password"])
        .arg(format!("--unit=phoenix-job-{job}"))
        .arg(format!("--description=Phoenix guest job {job}"))
        .args(["--service-type=exec", "--property=RuntimeMaxSec=4h"]);
    if !paths.is_real() {
        command = command.arg(format!("--setenv=PHOENIX_ROOT={}", paths.root().display()));
    }
    command
        .arg("--")
        .arg(program)
        .args(["job-run", job.as_str()])
        .deadline(START_DEADLINE)
        .run()
        .await
        .map(drop)
        .map_err(|source| JobError::Unit {
            job: job.to_string(),
            source,
        })
}

/// The path of this very program; of its successor when it was replaced while it runs.
fn own_program() -> std::io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    match path
        .to_str()
        .and_then(|path| path.strip_suffix(" (deleted)"))
    {
        Some(path) => Ok(path.into()),
        None => Ok(path),
    }
}

async fn wait_until_up(folder: &JobFolder) -> Result<(), JobError> {
    let deadline = Deadline::after(START_DEADLINE);
    loop {
        if folder.started().exists() {
            return Ok(());
        }
        if deadline.has_passed() && remove_unstarted(folder) {
            return Err(JobError::NotUp {
                job: folder.job().to_owned(),
                seconds: START_DEADLINE.as_secs(),
            });
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
