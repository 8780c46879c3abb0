//! The command line.

mod docker_logins;
mod stack;
mod stack_input;
mod stack_show;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use phoenix_common::log::{self, Chain};
use tracing::level_filters::LevelFilter;

use crate::job::name::JobName;
use crate::paths::Paths;
use crate::{facts, job, report, request};

const IDENTIFIER: &str = "phoenix-guest-agent";

/// Runs inside a guest for phoenix-hook on its hypervisor: base setup, Docker, Swarm, stacks.
#[derive(Debug, Parser)]
#[command(version, name = IDENTIFIER)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Deploy, plan, show or remove a stack of this machine's Swarm, from compose files here.
    #[command(subcommand)]
    Stack(stack::StackVerb),
    /// Read one request (JSON) from stdin and write one response to stdout.
    Request,
    /// Show what this guest is and what state it is in.
    Facts {
        /// As the hypervisor gets it.
        #[arg(long)]
        json: bool,
    },
    /// The process of a job; started by `request`.
    #[command(hide = true)]
    JobRun {
        /// Leave the session of the starter.
        #[arg(long)]
        detach: bool,
        job: JobName,
    },
}

/// Does what the command line says.
pub async fn run(arguments: Arguments) -> ExitCode {
    let paths = Paths::from_environment();
    match arguments.verb {
        Verb::Request => {
            init_log(&paths);
            exit_code(request::serve(&paths).await)
        }
        Verb::JobRun { detach, job } => {
            init_log(&paths);
            exit_code(job::runner::run(&paths, &job, detach).await)
        }
        Verb::Stack(verb) => {
            log::init(IDENTIFIER, LevelFilter::WARN);
            stack::run(&paths, verb).await
        }
        Verb::Facts { json } => {
            log::init(IDENTIFIER, LevelFilter::WARN);
            match facts::collect(&paths).await {
                Ok(facts) => exit_code(report::print(&facts, json)),
                Err(error) => exit_code(Err(error)),
            }
        }
    }
}

/// To the guest's journal; a test's folder has none.
fn init_log(paths: &Paths) {
    if paths.is_real() {
        log::init_journal(IDENTIFIER, LevelFilter::INFO);
    } else {
        log::init(IDENTIFIER, LevelFilter::INFO);
    }
}

fn exit_code<E: std::error::Error + 'static>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", Chain(&error));
            ExitCode::FAILURE
        }
    }
}
