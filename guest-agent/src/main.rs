//! `phoenix-guest-agent`: see the library of this crate.

use std::process::ExitCode;

use clap::Parser;
use phoenix_guest_agent::cli::{self, Arguments};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(cli::run(arguments));
            // A read of stdin that never ends must not keep the process.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "cannot start the runtime: {error}");
            ExitCode::FAILURE
        }
    }
}
