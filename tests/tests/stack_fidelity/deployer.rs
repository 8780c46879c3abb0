//! Who deploys: the two programs under comparison, run alike in the guest.

use super::case::Case;
use super::swarm::{AGENT, Swarm};

#[derive(Clone, Copy)]
pub(crate) enum Deployer {
    Docker,
    Phoenix,
}

impl Deployer {
    /// Deploys one step of the case; what was said where that failed.
    pub(crate) fn deploy(self, swarm: &Swarm, case: &Case, step: usize) -> Result<(), String> {
        let mut words: Vec<&str> = match self {
            Self::Docker => "/usr/bin/docker stack deploy --resolve-image never --detach=true",
            // Nothing starts here: that is not waited for.
            Self::Phoenix => {
                "phoenix stack deploy --resolve-image never --wait 0 --compat docker --rotate off"
            }
        }
        .split(' ')
        .collect();
        if let Self::Phoenix = self {
            words[0] = AGENT;
        }
        let step = &case.steps[step];
        if let Self::Docker = self {
            words.extend(step.arguments.iter().map(String::as_str));
        }
        for file in &step.compose_files {
            words.extend(["-c", file]);
        }
        words.push(&case.stack);
        let ran = swarm.run_in_case(case, &words);
        // 4: written, and not running before the deadline.
        if ran.success() || (matches!(self, Self::Phoenix) && ran.code == 4) {
            return Ok(());
        }
        Err(format!("exit {}: {}", ran.code, ran.stderr.trim()))
    }
}
