//! `qm guest exec`: a program in the guest, waited for.

use std::io::Read;
use std::time::Duration;

use super::arguments::Arguments;
use super::error::PveError;
use super::node::Node;
use super::qm_show::say_pretty;
use super::{agent, warn};

/// What `--pass-stdin` takes.
const LONGEST_INPUT: u64 = 1 << 20;

pub(super) fn run(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let words = arguments.words.get(1..).unwrap_or_default();
    let command = [words, &arguments.rest].concat();
    let input = arguments.flag("pass-stdin").then(read_stdin).transpose()?;
    let started = agent::exec(node, vmid, &command, input.as_deref())?;
    if arguments
        .options
        .get("synchronous")
        .is_some_and(|value| value == "0")
    {
        say_pretty(&started);
        return Ok(());
    }
    let longest = match arguments.seconds("timeout", 30) {
        0 => Duration::MAX,
        seconds => Duration::from_secs(seconds),
    };
    // Recorded: whatever the program's own exit code is, the tool's is 0.
    if let Some(status) = agent::await_exec(node, vmid, &started["pid"], longest)? {
        say_pretty(&status);
    } else {
        warn("timeout reached, returning pid");
        say_pretty(&started);
    }
    Ok(())
}

fn read_stdin() -> Result<Vec<u8>, PveError> {
    let mut input = Vec::new();
    std::io::stdin()
        .take(LONGEST_INPUT + 1)
        .read_to_end(&mut input)?;
    if input.len() as u64 > LONGEST_INPUT {
        let text = "'input-data' (STDIN) is limited to 1 MiB, aborting";
        return Err(PveError::died(255, text));
    }
    Ok(input)
}
