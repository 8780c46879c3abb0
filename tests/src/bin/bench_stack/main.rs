//! `make bench`: the stack engine beside `docker stack deploy` and Ansible's `docker_stack`, on one real
//! engine, all contenders in turns.
//!
//! Each part prints its table and keeps its figures below `target/bench/stack`; `--docs` renders all kept
//! figures into `docs/benchmarks.md`. Parts can be run one at a time: every ratio is within a part.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tables are its result"
)]

mod ansible;
mod bench;
mod compose;
mod docs;
mod engine_socket;
mod error;
mod part;
mod plot;
mod result;
mod times;

use std::path::PathBuf;
use std::process::ExitCode;

use bench::Bench;
use clap::Parser;
use error::BenchError;
use part::Part;
use phoenix_common::log::Chain;

#[derive(Debug, Parser)]
#[command(about = "Measures the stack engine beside the docker CLI and Ansible")]
struct Options {
    /// Parts to run; all without it.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Runs of each quick contender.
    #[arg(long, default_value_t = 10)]
    runs: usize,
    /// Runs of each contender that takes a minute and more.
    #[arg(long, default_value_t = 3)]
    slow_runs: usize,
    /// Render the kept figures into this file.
    #[arg(long, value_name = "FILE")]
    docs: Option<PathBuf>,
    /// Where figures are kept.
    #[arg(long, value_name = "FOLDER", default_value = "target/bench/stack")]
    figures: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a goal is missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {}", Chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// True when the parts that ran met their goals.
fn run(options: &Options) -> Result<bool, BenchError> {
    let parts = if options.only.is_empty() {
        Part::all()
    } else {
        options.only.clone()
    };
    let bench = Bench::up((options.runs, options.slow_runs))?;
    let mut met = true;
    for part in parts {
        let result = part.run(&bench)?;
        println!("{}", result.table());
        met &= result.is_met();
        result.keep(&options.figures)?;
    }
    if let Some(file) = &options.docs {
        docs::render(file, &options.figures)?;
    }
    Ok(met)
}
