//! The operator's verbs, one file each: arguments and `run`.

mod consent;
pub mod converge;
pub mod create;
pub mod delete;
pub mod events;
pub mod lets_go;
mod lifecycle;
pub mod plan;
pub mod portainer;
pub mod register;
pub mod replay;
pub mod run;
pub mod schema;
pub mod status;
pub mod swarm;
pub mod sync;
pub mod validate;

use std::error::Error;
use std::future::Future;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use phoenix_common::log::Chain;
use serde::Serialize;

use crate::exit_code::Exit;

/// Whether a result could not be written, for another reason than a reader that went away.
static LOST: AtomicBool = AtomicBool::new(false);

/// A result line on stdout. A reader that went away is no error.
pub fn print_line(text: &str) {
    note(writeln!(std::io::stdout(), "{text}"));
}

fn note(written: std::io::Result<()>) {
    if written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// The verb's own end, unless its result was lost (disk full): then it failed.
pub fn unless_lost(exit: Exit) -> Exit {
    note(std::io::stdout().flush());
    if exit == Exit::Converged && LOST.load(Ordering::Relaxed) {
        let _ = writeln!(
            std::io::stderr(),
            "phoenix: the result cannot be written to stdout"
        );
        return Exit::Failed;
    }
    exit
}

/// A result as JSON on stdout.
pub fn print_json(value: &impl Serialize) {
    let mut stdout = std::io::stdout().lock();
    let written = serde_json::to_writer_pretty(&mut stdout, value);
    note(written.map_err(std::io::Error::from));
    note(writeln!(stdout));
}

/// The one line for an error that ends a verb, with its causes, on stderr.
pub fn complain(error: &(dyn Error + 'static)) {
    let _ = writeln!(std::io::stderr(), "phoenix: {}", Chain(error));
}

/// The same for a sentence of our own; texts from elsewhere in it are `Untrusted` already.
pub fn complain_text(text: &str) {
    let _ = writeln!(std::io::stderr(), "phoenix: {text}");
}

/// Runs a verb's asynchronous part on this thread.
///
/// # Panics
/// The kernel gives no event queue: nothing could be done at all.
#[expect(clippy::expect_used, reason = "without epoll there is no Phoenix")]
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("an asynchronous runtime")
        .block_on(future)
}
