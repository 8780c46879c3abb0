//! Logs: to the journal when systemd runs us, to stderr by hand.

use std::error::Error;
use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Variable that names the least level that is logged (`debug`), for programs nobody gives options to.
const LEVEL_VARIABLE: &str = "PHOENIX_LOG";

/// Starts logging, at `level` unless `PHOENIX_LOG` names another. With a journal behind stderr (`$JOURNAL_STREAM` names the very stream, as
/// systemd.exec(5) wants it compared) fields go there with the prefix `PHOENIX_`; else lines go to stderr.
pub fn init(identifier: &str, level: LevelFilter) {
    let level = level_from_environment().unwrap_or(level);
    let registry = tracing_subscriber::registry().with(level);
    if stderr_is_journal()
        && let Ok(journal) = tracing_journald::layer()
    {
        let journal = journal
            .with_field_prefix(Some("PHOENIX".to_owned()))
            .with_syslog_identifier(identifier.to_owned());
        let _ = registry.with(journal).try_init();
        return;
    }
    let stderr = tracing_subscriber::fmt::layer()
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_writer(std::io::stderr);
    let _ = registry.with(stderr).try_init();
}

/// Starts logging of a program whose stderr is read by another program: to the journal if this machine has
/// one, else to stderr.
pub fn init_journal(identifier: &str, level: LevelFilter) {
    let Ok(journal) = tracing_journald::layer() else {
        init(identifier, level);
        return;
    };
    let journal = journal
        .with_field_prefix(Some("PHOENIX".to_owned()))
        .with_syslog_identifier(identifier.to_owned());
    let _ = tracing_subscriber::registry()
        .with(level)
        .with(journal)
        .try_init();
}

fn level_from_environment() -> Option<LevelFilter> {
    std::env::var(LEVEL_VARIABLE).ok()?.parse().ok()
}

fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    nix::sys::stat::fstat(std::io::stderr())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Shows an error and all its causes, `outer: cause: cause`.
#[derive(Debug)]
pub struct Chain<'error>(pub &'error (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
