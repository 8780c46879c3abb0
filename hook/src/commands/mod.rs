//! The operator's verbs, one file each: arguments and `run`.

pub mod events;
pub mod plan;
pub mod replay;
pub mod run;
pub mod schema;
pub mod status;
pub mod validate;

use std::error::Error;
use std::future::Future;
use std::io::Write;

use phoenix_common::log::Chain;
use serde::Serialize;

/// A result line on stdout. A reader that went away is no error.
pub fn print_line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A result as JSON on stdout.
pub fn print_json(value: &impl Serialize) {
    let mut stdout = std::io::stdout().lock();
    let _ = serde_json::to_writer_pretty(&mut stdout, value);
    let _ = writeln!(stdout);
}

/// The one line for an error that ends a verb, with its causes, on stderr.
pub fn complain(error: &(dyn Error + 'static)) {
    let _ = writeln!(std::io::stderr(), "phoenix: {}", Chain(error));
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
