//! Proxmox's worker tasks: a process in a session of its own named after its UPID, a log, an index
//! line, and for tasks of the command line SIGTERM to its whole process group at the end.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::error::PveError;
use super::node::Node;
use super::power::Job;
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

/// Runs `job` as a task of type `kind` for guest `id` (none for bulk tasks); its UPID.
pub(super) fn run(
    node: &Node,
    kind: &str,
    id: Option<u32>,
    job: Job,
    show: Show,
) -> Result<String, PveError> {
    let task = Task {
        kind: kind.to_owned(),
        id: id.map(|id| id.to_string()).unwrap_or_default(),
        job,
        upid: String::new(),
    };
    let (mut output, writer) = std::io::pipe()?;
    let mut worker = Command::new("/proc/self/exe")
        .arg("task")
        .env(VARIABLE, encoded(&task)?)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    let group = Pid::from_raw(i32::try_from(worker.id()).unwrap_or(0));
    let (log, end) = forward(&mut output, show)?;
    worker.wait()?;
    // Recorded: a plain background child of the hook dies here, one in its own session does not.
    // Children of bulk tasks are spared.
    if show == Show::Stdout {
        let _ = killpg(group, Signal::SIGTERM);
    }
    let (upid, wrong) = end.split_once(' ').unwrap_or((&end, ""));
    write_log(node, upid, &log, wrong)?;
    if wrong.is_empty() {
        return Ok(upid.to_owned());
    }
    Err(PveError::Task(wrong.to_owned()))
}

/// Copies what the task prints; returns it, and what it said about its end.
fn forward(output: &mut impl Read, show: Show) -> Result<(Vec<u8>, String), PveError> {
    let (mut all, mut shown) = (Vec::new(), 0);
    let mut piece = [0; 4096];
    loop {
        let length = output.read(&mut piece)?;
        if length == 0 {
            break;
        }
        all.extend_from_slice(&piece[..length]);
        let end = all
            .iter()
            .position(|byte| *byte == END)
            .unwrap_or(all.len());
        if show == Show::Stdout && end > shown {
            let mut stdout = std::io::stdout();
            stdout.write_all(&all[shown..end])?;
            stdout.flush()?;
            shown = end;
        }
    }
    let Some(end) = all.iter().rposition(|byte| *byte == END) else {
        return Err(PveError::Task("unexpected status".into()));
    };
    let said = String::from_utf8_lossy(&all[end + 1..]).into_owned();
    all.truncate(end);
    Ok((all, said))
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
    let result = task.job.run(&Node::of_environment());
    let wrong = result
        .err()
        .map(|error| format!(" {error}"))
        .unwrap_or_default();
    print!("{}{}{wrong}", char::from(END), task.upid);
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

fn now() -> u64 {
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

fn write_log(node: &Node, upid: &str, log: &[u8], wrong: &str) -> Result<(), PveError> {
    let path = log_path(node, upid);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut text = log.to_vec();
    let status = if wrong.is_empty() {
        "OK"
    } else {
        wrong.trim_end_matches('\n')
    };
    let last = if wrong.is_empty() {
        "TASK OK\n".to_owned()
    } else {
        format!("\nTASK ERROR: {status}\n")
    };
    text.extend_from_slice(last.as_bytes());
    fs::write(&path, text)?;
    let index = node.below("/var/log/pve/tasks/index");
    let mut index = OpenOptions::new().create(true).append(true).open(index)?;
    writeln!(index, "{upid} {:08X} {status}", now())?;
    Ok(())
}
