//! What a run says while it works: a live line on a terminal, plain lines on a pipe, the journal in the worker.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;

/// Where progress goes.
#[derive(Debug, Clone)]
pub enum Progress {
    Terminal(ProgressBar),
    Lines,
    Journal,
    /// Nowhere: `--json` on a pipe, and tests.
    Silent,
}

impl Progress {
    /// For a verb run by hand: stderr, live if that is a terminal.
    pub fn for_operator() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::Terminal(bar)
    }

    /// Something was done or found: stays on the screen.
    pub fn say(&self, vmid: Vmid, text: &str) {
        match self {
            Self::Terminal(bar) => bar.println(format!("{vmid}: {}", Untrusted(text))),
            Self::Lines => line(vmid, text),
            Self::Journal => tracing::info!(vmid = vmid.get(), "{}", Untrusted(text)),
            Self::Silent => {}
        }
    }

    /// Something about no guest in particular: stays on the screen.
    pub fn note(&self, text: &str) {
        match self {
            Self::Terminal(bar) => bar.suspend(|| error_line(text)),
            Self::Lines => error_line(text),
            Self::Journal => tracing::info!("{}", Untrusted(text)),
            Self::Silent => {}
        }
    }

    /// What is going on just now: replaces the last such line.
    pub fn now(&self, vmid: Vmid, text: &str) {
        match self {
            Self::Terminal(bar) => bar.set_message(format!("{vmid}: {}", Untrusted(text))),
            Self::Lines => line(vmid, text),
            Self::Journal => tracing::debug!(vmid = vmid.get(), "{}", Untrusted(text)),
            Self::Silent => {}
        }
    }

    /// Ends the live line.
    pub fn finish(&self) {
        if let Self::Terminal(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn line(vmid: Vmid, text: &str) {
    error_line(&format!("{vmid}: {text}"));
}

fn error_line(text: &str) {
    use std::io::Write;
    // Whoever closed stderr does not want to hear it.
    let _ = writeln!(std::io::stderr(), "{}", Untrusted(text));
}
