//! `phoenix portainer password`: how to log in by hand.

use std::io::IsTerminal;

use super::{complain, complain_text, print_line};
use crate::exit_code::Exit;
use crate::paths::Paths;
use crate::portainer::credentials::SecretFiles;

/// Portainer's administrator.
#[derive(Debug, clap::Args)]
pub struct PortainerArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print the administrator's password, on a terminal only.
    Password,
}

pub fn run(args: &PortainerArgs, paths: &Paths) -> Exit {
    let Verb::Password = args.verb;
    let files = SecretFiles::new(paths);
    let file = files.admin_password_file();
    if !std::io::stdout().is_terminal() {
        complain_text(&format!(
            "the password is printed on a terminal only; it is in {}",
            file.display()
        ));
        return Exit::Refused;
    }
    match files.instance() {
        Ok(Some(secrets)) => {
            print_line(secrets.admin_password.expose());
            Exit::Converged
        }
        Ok(None) => {
            complain_text("there is no password yet: phoenix sync portainer makes one");
            Exit::Failed
        }
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}
