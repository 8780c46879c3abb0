//! `phoenix-hook`: hookscript, worker and command line in one binary.

use std::ffi::OsString;
use std::process::ExitCode;

use phoenix_hook::cli;
use phoenix_hook::hookscript::HookCall;
use phoenix_hook::paths::Paths;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let paths = Paths::from_environment();
    match HookCall::from_arguments(&arguments) {
        Some(call) => call.run(&paths),
        None => cli::run(paths),
    }
}
