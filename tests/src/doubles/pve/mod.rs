//! `qm`, `pct` and `pvesh` of the fake node: what Phoenix and operators see of Proxmox VE 9, with
//! light guests for QEMU. Behaviour and texts as recorded (`PHOENIX_PVE_TRANSCRIPTS`).

mod agent;
mod arguments;
mod bulk;
mod clone;
mod config;
mod container;
mod create;
mod destroy;
mod error;
mod fault;
mod guest_exec;
mod hook_call;
mod identity;
mod job;
mod lock;
mod machine;
mod node;
mod pct;
mod power;
mod power_states;
mod pvesh;
mod pvesh_get;
mod pvesh_tasks;
mod pvesm;
mod qm;
mod qm_check;
mod qm_guests;
mod qm_set;
mod qm_show;
mod resize;
mod resources;
mod root;
mod task;
mod volume;

use std::ffi::OsString;

use error::PveError;
use node::Node;

pub use fault::Fault;
pub use hook_call::Phase;
pub use power_states::PowerStates;
pub use root::PveRoot;

/// Runs the program that `argv[0]` names; its exit code.
pub fn run(argv: Vec<OsString>) -> u8 {
    close_inherited();
    let mut words = argv
        .into_iter()
        .map(|word| word.to_string_lossy().into_owned());
    let program = words.next().unwrap_or_default();
    let words: Vec<String> = words.collect();
    if program.starts_with("task UPID:") {
        return task::work();
    }
    let node = Node::of_environment();
    let result = match program.rsplit('/').next() {
        Some("qm") => qm::run(&node, &words),
        Some("pct") => pct::run(&node, &words),
        Some("pvesh") => pvesh::run(&node, &words),
        Some("pvesm") => pvesm::run(&node, &words),
        _ => match words.split_first() {
            // `pve-double qm …`, for tests without a node.
            Some((tool, rest)) if tool == "qm" => qm::run(&node, rest),
            Some((tool, rest)) if tool == "pct" => pct::run(&node, rest),
            Some((tool, rest)) if tool == "pvesh" => pvesh::run(&node, rest),
            Some((tool, rest)) if tool == "pvesm" => pvesm::run(&node, rest),
            Some((tool, _)) if tool == "task" => return task::enter(),
            _ => Err(PveError::usage("called as neither qm, pct nor pvesh")),
        },
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            if !matches!(error, PveError::Silent(_)) {
                complain(&error);
            }
            error.exit_code()
        }
    }
}

/// A login on the node has nothing open but its terminal, whatever the test's own shell leaks.
fn close_inherited() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let inherited: Vec<i32> = open
        .flatten()
        .filter_map(number)
        .filter(|fd| *fd > 2)
        .collect();
    for fd in inherited {
        // The one that listed them is closed already.
        let _ = nix::unistd::close(fd);
    }
}

/// A Perl `die`: the text gets a line end when it has none.
#[expect(clippy::print_stderr, reason = "a program of the command line")]
fn complain(error: &PveError) {
    eprintln!("{error}");
}

/// A line of the program's output.
#[expect(clippy::print_stdout, reason = "a program of the command line")]
fn say(line: &str) {
    println!("{line}");
}

/// A line that a task or tool prints as a warning.
#[expect(clippy::print_stderr, reason = "a program of the command line")]
fn warn(line: &str) {
    eprintln!("{line}");
}
