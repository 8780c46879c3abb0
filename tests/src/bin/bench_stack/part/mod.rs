//! What is measured, one part at a time; each leaves the engine empty.

mod changed;
mod growth;
mod noop;
mod playbook;
mod prove;
mod writes;

use clap::ValueEnum;

use crate::bench::Bench;
use crate::error::BenchError;
use crate::result::PartResult;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Part {
    /// 20 unchanged services are proved healthy.
    Prove,
    /// Nothing to do for 100 services.
    Noop,
    /// Nothing to do for ten stacks, by a playbook.
    Playbook,
    /// One of 20 services changes.
    Changed,
    /// 50 services come new.
    Writes,
    /// Nothing to do for 10 to 500 services.
    Growth,
}

impl Part {
    pub(crate) fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Prove => "prove",
            Self::Noop => "noop",
            Self::Playbook => "playbook",
            Self::Changed => "changed",
            Self::Writes => "writes",
            Self::Growth => "growth",
        }
    }

    pub(crate) fn run(self, bench: &Bench) -> Result<PartResult, BenchError> {
        let mut result = match self {
            Self::Prove => prove::run(bench),
            Self::Noop => noop::run(bench),
            Self::Playbook => playbook::run(bench),
            Self::Changed => changed::run(bench),
            Self::Writes => writes::run(bench),
            Self::Growth => growth::run(bench),
        }?;
        self.key().clone_into(&mut result.key);
        result.versions = bench.versions()?;
        Ok(result)
    }
}

/// A result to be filled.
fn result(title: &str, how: &str) -> PartResult {
    PartResult {
        key: String::new(),
        title: title.to_owned(),
        how: how.to_owned(),
        versions: String::new(),
        rows: Vec::new(),
        goal: None,
        growth: Vec::new(),
    }
}
