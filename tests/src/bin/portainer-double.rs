//! `portainer/portainer-ce` and `portainer/agent` of the lab.

use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a program of the command line")]
fn main() -> ExitCode {
    match phoenix_tests::doubles::portainer::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FTL > {}", phoenix_common::log::Chain(&error));
            ExitCode::FAILURE
        }
    }
}
