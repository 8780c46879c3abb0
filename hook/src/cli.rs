//! The operator's command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use phoenix_common::log;
use tracing::level_filters::LevelFilter;

use crate::commands;
use crate::exit_code::Exit;
use crate::paths::{CONFIG_DIR_VARIABLE, Paths};
use crate::worker;

/// Turns Proxmox guests into a running Docker estate, from one declared configuration.
#[derive(Debug, Parser)]
#[command(name = "phoenix", version, max_term_width = 100)]
#[command(
    after_help = "As a hookscript: phoenix-hook <vmid> <phase>, called by Proxmox.\n\
    Exit codes: 0 fine, 1 failed, 2 usage or configuration, 3 plan found changes, \
    4 not converged before the deadline, 5 refused for safety, 130 ended by Ctrl-C."
)]
struct Cli {
    /// Folder of the configuration.
    #[arg(long, global = true, env = CONFIG_DIR_VARIABLE, value_name = "FOLDER")]
    config_dir: Option<PathBuf>,
    /// Log more (once: what is asked and answered; twice: everything).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Create(commands::create::CreateArgs),
    Converge(commands::converge::ConvergeArgs),
    Delete(commands::delete::DeleteArgs),
    #[command(alias = "LetsGo")]
    LetsGo(commands::lets_go::LetsGoArgs),
    Run(commands::run::RunArgs),
    Replay(commands::replay::ReplayArgs),
    Plan(commands::plan::PlanArgs),
    Status(commands::status::StatusArgs),
    Swarm(commands::swarm::SwarmArgs),
    Sync(commands::sync::SyncArgs),
    Portainer(commands::portainer::PortainerArgs),
    Events(commands::events::EventsArgs),
    Validate(commands::validate::ValidateArgs),
    Schema(commands::schema::SchemaArgs),
    Register(commands::register::RegisterArgs),
    Unregister(commands::register::UnregisterArgs),
    /// Work off the event queue, then end (started by phoenix-worker.path).
    Worker,
}

/// Parses the command line and runs its verb.
pub fn run(paths: Paths) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    log::init("phoenix", level(&cli));
    let paths = match cli.config_dir {
        Some(folder) => paths.with_config_dir(folder),
        None => paths,
    };
    let exit = match cli.verb {
        Verb::Create(args) => commands::create::run(&args, &paths),
        Verb::Converge(args) => commands::converge::run(&args, &paths),
        Verb::Delete(args) => commands::delete::run(&args, &paths),
        Verb::LetsGo(args) => commands::lets_go::run(&args, &paths),
        Verb::Run(args) => commands::run::run(&args, &paths),
        Verb::Replay(args) => commands::replay::run(&args, &paths),
        Verb::Plan(args) => commands::plan::run(&args, &paths),
        Verb::Status(args) => commands::status::run(&args, &paths),
        Verb::Swarm(args) => commands::swarm::run(&args, &paths),
        Verb::Sync(args) => commands::sync::run(&args, &paths),
        Verb::Portainer(args) => commands::portainer::run(&args, &paths),
        Verb::Validate(args) => commands::validate::run(&args, &paths),
        Verb::Schema(args) => commands::schema::run(&args),
        Verb::Register(args) => commands::register::register(&args, &paths),
        Verb::Unregister(args) => commands::register::unregister(&args, &paths),
        Verb::Worker => worker::run(&paths),
        Verb::Events(args) => commands::events::run(&args, &paths),
    };
    commands::unless_lost(exit).into()
}

/// An operator's verb says what it does by itself; the worker's log is all there is of it.
fn level(cli: &Cli) -> LevelFilter {
    match (cli.verbose, &cli.verb) {
        (0, Verb::Worker) => LevelFilter::INFO,
        (0, _) => LevelFilter::WARN,
        (1, _) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// Help and version go to stdout with 0, mistakes to stderr with 2.
fn explain(error: &clap::Error) -> ExitCode {
    // A closed terminal has nobody to read it.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Converged.into(),
        _ => Exit::Usage.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
