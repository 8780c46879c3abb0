//! Proxmox's worker tasks: a process in a session of its own named after its UPID, a log, an index
//! line, and for tasks of the command line SIGTERM to its whole process group at the end.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::error::PveError;
use super::job::Job;
use super::node::Node;
use super::warn;

/// Carries the job from the tool into the task, through an exec that renames the process.
const VARIABLE: &str = "LAB_TASK";

/// Splits what a task prints from how it ended.
const END: u8 = 0;

/// What a task process is to do.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    kind: String,
    id: String,
    job: Job,
    upid: String,
}

/// Whether the tool shows what its task prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// As it comes, on stdout.
    Stdout,
    Nothing,
}

/// Runs `job` as a task; its UPID.
pub(super) fn run(node: &Node, job: Job, show: Show) -> Result<String, PveError> {
    let task = Task {
        kind: job.kind().to_owned(),
        id: job.guest().map(|id| id.to_string()).unwrap_or_default(),
        job,
        upid: String::new(),
    };
    let (output, writer) = std::io::pipe()?;
    let mut worker = Command::new("/proc/self/exe")
        .arg("task")
        .env(VARIABLE, encoded(&task)?)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    let group = Pid::from_raw(i32::try_from(worker.id()).unwrap_or(0));
    let mut output = BufReader::new(output);
    let mut upid = String::new();
    output.read_line(&mut upid)?;
    let upid = upid.trim_end().to_owned();
    let wrong = forward(node, &upid, &mut output, show)?;
    worker.wait()?;
    // Recorded: a plain background child of the hook dies here, one in its own session does not.
    // Children of bulk tasks are spared.
    if show == Show::Stdout {
        let _ = killpg(group, Signal::SIGTERM);
    }
    write_index(node, &upid, &wrong)?;
    if wrong.is_empty() {
        return Ok(upid);
    }
    Err(PveError::Task { upid, wrong })
}

/// Copies what the task prints to its log, and to those who watch; returns what went wrong with it.
fn forward(
    node: &Node,
    upid: &str,
    output: &mut impl Read,
    show: Show,
) -> Result<String, PveError> {
    let mut log = create_log(node, upid)?;
    let mut said: Option<Vec<u8>> = None;
    let mut piece = [0; 4096];
    loop {
        let length = output.read(&mut piece)?;
        if length == 0 {
            break;
        }
        let piece = &piece[..length];
        if let Some(said) = &mut said {
            said.extend_from_slice(piece);
            continue;
        }
        let end = piece.iter().position(|byte| *byte == END);
        let printed = &piece[..end.unwrap_or(length)];
        log.write_all(printed)?;
        if show == Show::Stdout {
            let mut stdout = std::io::stdout();
            stdout.write_all(printed)?;
            stdout.flush()?;
        }
        said = end.map(|end| piece[end + 1..].to_vec());
    }
    let Some(said) = said else {
        // The process was killed: no last line, and this is what Proxmox makes of it.
        return Ok("unexpected status".to_owned());
    };
    let wrong = String::from_utf8_lossy(&said).into_owned();
    if wrong.is_empty() {
        writeln!(log, "TASK OK")?;
    } else {
        writeln!(log, "\nTASK ERROR: {}", wrong.trim_end_matches('\n'))?;
    }
    Ok(wrong)
}

/// The task process' first life: a session of its own, then the name by which it is known.
pub(super) fn enter() -> u8 {
    let entered = enter_session();
    // Only reached when it failed.
    warn(&entered.to_string());
    255
}

fn enter_session() -> PveError {
    let Ok(mut task) = of_environment() else {
        return PveError::usage("no task");
    };
    // A leader of a group already has one of its own.
    let _ = nix::unistd::setsid();
    task.upid = upid(&Node::of_environment(), &task);
    let encoded = match encoded(&task) {
        Ok(encoded) => encoded,
        Err(error) => return error,
    };
    let name = format!("task {}", task.upid);
    Command::new("/proc/self/exe")
        .arg0(name)
        .env(VARIABLE, encoded)
        .exec()
        .into()
}

/// The task process' second life.
#[expect(
    clippy::print_stdout,
    reason = "the task's end, for the tool that waits"
)]
pub(super) fn work() -> u8 {
    let Ok(task) = of_environment() else {
        return 255;
    };
    // As Perl's `$0`: the name shows in `comm` too.
    let _ = fs::write("/proc/self/comm", format!("task {}", task.upid));
    println!("{}", task.upid);
    let result = task.job.run(&Node::of_environment());
    let wrong = result.err().map(|error| error.to_string());
    print!("{}{}", char::from(END), wrong.unwrap_or_default());
    0
}

fn of_environment() -> Result<Task, PveError> {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    serde_json::from_str(&text).map_err(|error| PveError::Double(error.to_string()))
}

fn encoded(task: &Task) -> Result<String, PveError> {
    serde_json::to_string(task).map_err(|error| PveError::Double(error.to_string()))
}

/// `UPID:node:pid:pstart:starttime:type:id:user:`, numbers in hex.
fn upid(node: &Node, task: &Task) -> String {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let started: u64 = after_name
        .split_whitespace()
        .nth(19)
        .and_then(|field| field.parse().ok())
        .unwrap_or(0);
    format!(
        "UPID:{}:{:08X}:{started:08X}:{:08X}:{}:{}:root@pam:",
        node.name(),
        std::process::id(),
        now(),
        task.kind,
        task.id
    )
}

pub(super) fn now() -> u64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_secs()
}

/// Where a task's log lies: a folder for the last digit of its start time.
pub(super) fn log_path(node: &Node, upid: &str) -> PathBuf {
    let start = upid.split(':').nth(4).unwrap_or("0");
    let folder = start.chars().last().unwrap_or('0');
    node.below(&format!("/var/log/pve/tasks/{folder}/{upid}"))
}

fn create_log(node: &Node, upid: &str) -> Result<File, PveError> {
    let path = log_path(node, upid);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(File::create(path)?)
}

fn write_index(node: &Node, upid: &str, wrong: &str) -> Result<(), PveError> {
    let status = if wrong.is_empty() { "OK" } else { wrong };
    let index = node.below("/var/log/pve/tasks/index");
    let mut index = OpenOptions::new().create(true).append(true).open(index)?;
    writeln!(
        index,
        "{upid} {:08X} {}",
        now(),
        status.trim_end_matches('\n')
    )?;
    Ok(())
}
