//! `qm`, `pct` and `pvesh` of the fake node, by the name it is called under.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(phoenix_tests::doubles::pve::run(
        std::env::args_os().collect(),
    ))
}
