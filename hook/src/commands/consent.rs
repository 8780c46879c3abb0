//! Asks before something is taken away or changed.

use std::io::{BufRead, IsTerminal, Write};

use crate::exit_code::Exit;

/// Whether the operator agrees to `what`: by `--yes`, or by an answer on the terminal.
///
/// # Errors
/// Nobody to ask ([`Exit::Usage`]), or no agreement ([`Exit::Refused`]); told on stderr.
pub(in crate::commands) fn ask(what: &str, yes: bool) -> Result<(), Exit> {
    if yes {
        return Ok(());
    }
    let mut stderr = std::io::stderr();
    if !std::io::stdin().is_terminal() || !stderr.is_terminal() {
        // Whoever closed stderr does not want to hear it.
        let _ = writeln!(stderr, "phoenix: this {what}: say so with --yes");
        return Err(Exit::Usage);
    }
    let _ = write!(stderr, "this {what}. Go on? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && is_yes(&answer) {
        return Ok(());
    }
    let _ = writeln!(stderr, "phoenix: nothing was done");
    Err(Exit::Refused)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes("y\n") && is_yes(" YES\r\n"));
        assert!(!is_yes("\n") && !is_yes("no\n") && !is_yes("yeah\n"));
    }
}
