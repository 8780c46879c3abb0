//! `make bench`: how long Proxmox waits for the hookscript, beside what others take for the same call.
//!
//! The call is made as Proxmox makes it: the wrapper file, its environment, both pipes read to their end.
//! All lies below one folder on the disk that holds `/var/lib`, since the hook syncs what it writes.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table is its result"
)]

mod measure;
mod node;
mod peers;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use measure::{Call, Times};
use node::Node;

/// Calls of each quick contender; they take turns, so that a busy moment hits all alike.
const CALLS: usize = 200;
/// Calls of each contender that waits for something.
const SLOW_CALLS: usize = 3;
/// Longest median of a post-start through the wrapper.
const GOAL: Duration = Duration::from_millis(5);
/// How many times as long as the same wrapper with `/bin/true` it may take.
const GOAL_RATIO: f64 = 3.0;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: over the goal");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; true when the goals are met.
fn run() -> io::Result<bool> {
    let binary = hook_binary()?;
    let node = Node::create(Path::new("/var/lib"))?;
    let wrapper = node.install("phoenix-hook.sh", &peers::wrapper_of(&binary)?)?;
    let true_wrapper = node.install("true.sh", &peers::wrapper_of(Path::new("/bin/true"))?)?;
    let perl = node.install("example.pl", peers::PERL)?;
    let quick = [
        Call::new("phoenix, wrapper", &wrapper),
        Call::new("/bin/true, same wrapper", &true_wrapper),
        Call::new("phoenix-hook alone", &binary),
        Call::new("/bin/true alone", Path::new("/bin/true")),
        Call::new("Perl, shape of the official example", &perl),
    ];
    let mut results = measure::in_turns(&node, &quick, CALLS)?;
    node.check_queue(2 * (CALLS + measure::WARM_UP_CALLS))?;

    let waiting = node.install("wait.sh", peers::BASH_WAITS_FOR_AGENT)?;
    results.push(measure::with_late_agent(
        &node,
        &Call::new("bash + jq, waits for the guest agent", &waiting),
        SLOW_CALLS,
    )?);
    print(&results);
    let ratio = results[0].ratio_to(&results[1]);
    Ok(results[0].median() < GOAL && ratio < GOAL_RATIO)
}

/// `$PHOENIX_HOOK`, the program that shall be measured.
fn hook_binary() -> io::Result<PathBuf> {
    let path = std::env::var_os("PHOENIX_HOOK").map(PathBuf::from);
    path.filter(|path| path.is_file())
        .ok_or_else(|| io::Error::other("PHOENIX_HOOK names no program (make bench sets it)"))
}

fn print(results: &[Times]) {
    println!(
        "{:<40} {:>6} {:>12} {:>12}",
        "post-start", "calls", "median ms", "95 % ms"
    );
    for times in results {
        println!(
            "{:<40} {:>6} {:>12.2} {:>12.2}",
            times.name,
            times.count(),
            milliseconds(times.median()),
            milliseconds(times.at_percent(95)),
        );
    }
    println!();
    for (one, other) in [(0, 1), (2, 3), (4, 0), (5, 0)] {
        let (one, other) = (&results[one], &results[other]);
        println!(
            "{:.2} x  {} / {}",
            one.ratio_to(other),
            one.name,
            other.name
        );
    }
    println!(
        "goal: {} under {} ms and under {GOAL_RATIO} x {}",
        results[0].name,
        GOAL.as_millis(),
        results[1].name
    );
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
