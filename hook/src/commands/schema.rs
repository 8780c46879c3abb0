//! `phoenix schema [NAME]`: the JSON Schemas of the configuration files.

use std::io::Write;

use phoenix_common::config::{SCHEMA_NAMES, schema};

use super::print_line;
use crate::exit_code::Exit;

/// Prints the JSON Schema of a configuration file, or the names there are.
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// The file it describes, such as `phoenix_vm_configs`; `phoenix` is a stack's manifest.
    pub name: Option<String>,
}

/// [`Exit::Usage`] when there is no schema of that name.
pub fn run(args: &SchemaArgs) -> Exit {
    let Some(name) = &args.name else {
        SCHEMA_NAMES.into_iter().for_each(print_line);
        return Exit::Converged;
    };
    let Some(text) = schema(name) else {
        let names = SCHEMA_NAMES.join(", ");
        let _ = writeln!(
            std::io::stderr(),
            "phoenix: no schema `{}`; there are {names}",
            phoenix_common::untrusted::Untrusted(name)
        );
        return Exit::Usage;
    };
    // A reader that went away is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Converged
}
