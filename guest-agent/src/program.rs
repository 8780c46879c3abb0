//! Programs of the guest, found at fixed places and run with a fixed environment.

use phoenix_common::command::Command;

use crate::paths::Paths;

/// A program that is needed is not installed in this guest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the program {name} is not installed in this guest")]
pub struct ProgramMissing {
    pub name: String,
}

/// The program `name` with the environment that every program gets: the QEMU guest agent passes on
/// neither HOME nor a useful PATH.
///
/// # Errors
/// It is not installed.
pub fn command(paths: &Paths, name: &str) -> Result<Command, ProgramMissing> {
    let program = paths.program(name).ok_or_else(|| ProgramMissing {
        name: name.to_owned(),
    })?;
    Ok(Command::new(program)
        .env("PATH", paths.search_path())
        .env("HOME", "/root")
        .env("LC_ALL", "C.UTF-8"))
}
