//! `phoenix validate`: every mistake of the configuration at once.

use phoenix_common::config::{ConfigError, Outcome, Report, read_and_check};
use serde::Serialize;

use super::{print_json, print_line};
use crate::exit_code::Exit;
use crate::paths::Paths;

/// Checks the whole configuration and the files it refers to, and reports every mistake at once.
#[derive(Debug, clap::Args)]
pub struct ValidateArgs {
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Findings<'outcome> {
    schema_version: u32,
    config_directory: String,
    /// Equal on nodes with equal files.
    digest: &'outcome str,
    guests: usize,
    stacks: usize,
    errors: &'outcome [ConfigError],
    warnings: &'outcome [ConfigError],
}

/// [`Exit::Usage`] when there is an error; warnings alone are fine.
pub fn run(args: &ValidateArgs, paths: &Paths) -> Exit {
    let Outcome { config, mut errors } = read_and_check(paths.config_dir());
    errors.extend(config.missing_sources());
    let findings = Findings {
        schema_version: 1,
        config_directory: config.directory.display().to_string(),
        digest: &config.digest,
        guests: config.guests.len(),
        stacks: config.stacks.len(),
        errors: &errors,
        warnings: &config.warnings,
    };
    if args.json {
        print_json(&findings);
    } else {
        show(&findings);
    }
    if errors.is_empty() {
        Exit::Converged
    } else {
        Exit::Usage
    }
}

fn show(findings: &Findings<'_>) {
    for finding in findings.errors.iter().chain(findings.warnings) {
        print_line(&Report(finding).to_string());
    }
    let warnings = count(findings.warnings.len(), "warning");
    if findings.errors.is_empty() {
        let guests = count(findings.guests, "guest");
        let stacks = count(findings.stacks, "stack");
        let folder = &findings.config_directory;
        print_line(&format!(
            "{folder} is valid: {guests}, {stacks}, {warnings}"
        ));
    } else {
        let errors = count(findings.errors.len(), "error");
        print_line(&format!(
            "{errors}, {warnings} in {}",
            findings.config_directory
        ));
    }
}

fn count(number: usize, of: &str) -> String {
    match number {
        1 => format!("1 {of}"),
        _ => format!("{number} {of}s"),
    }
}
