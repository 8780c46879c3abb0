//! The whole estate with its mistakes beside it: for those who look at all guests, whatever is wrong with one.

use phoenix_common::config::{self, ConfigError, Outcome};
use phoenix_common::vmid::Vmid;

use crate::channel::CarriedPackage;
use crate::context::Context;
use crate::paths::Paths;

/// What of the configuration can be understood, and what is wrong.
#[derive(Debug)]
pub struct Estate {
    /// Without the guests and stacks whose entries are broken.
    pub context: Context,
    pub mistakes: Vec<ConfigError>,
}

impl Estate {
    /// Reads everything; never fails.
    pub fn read(paths: &Paths) -> Self {
        let Outcome { config, errors } = config::read_and_check(paths.config_dir());
        Self {
            context: Context {
                paths: paths.clone(),
                config,
                // A package that cannot be read counts as none here: a run says it.
                carried_agent: CarriedPackage::load_version(paths).ok(),
            },
            mistakes: errors,
        }
    }

    /// The mistakes that stop a run for this guest.
    pub fn mistakes_of(&self, vmid: Vmid) -> Vec<&ConfigError> {
        let config = &self.context.config;
        let mistakes = self.mistakes.iter();
        mistakes
            .filter(|mistake| mistake.touches(config, vmid))
            .collect()
    }
}
