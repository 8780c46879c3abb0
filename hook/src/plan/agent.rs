//! Whether a guest's agent will do.

use phoenix_common::wire::{Facts, PROTOCOL_VERSION};

/// What to do about a guest's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentVerdict {
    /// As new as ours, or newer and able to speak with us.
    Usable,
    /// Older, or of a version that cannot be read.
    Install,
    /// Newer, and it no longer speaks our protocol: phoenix-hook on this node has to be upgraded. Never
    /// downgraded, else two nodes of different versions would swap the agent at every migration.
    TooNew,
}

/// Judges the agent of a guest by its facts.
pub fn judge_agent(facts: &Facts, carried_version: Option<&str>) -> AgentVerdict {
    let speaks_ours = (facts.protocol_oldest..=facts.protocol_newest).contains(&PROTOCOL_VERSION);
    judge_version(&facts.agent_version, speaks_ours, carried_version)
}

/// Judges an agent that may not even answer our questions.
pub fn judge_version(
    version: &str,
    speaks_ours: bool,
    carried_version: Option<&str>,
) -> AgentVerdict {
    let Some(installed) = numbers(version) else {
        return AgentVerdict::Install;
    };
    let carried = carried_version.and_then(numbers);
    if carried.is_some_and(|carried| installed < carried) {
        return AgentVerdict::Install;
    }
    if speaks_ours {
        AgentVerdict::Usable
    } else {
        AgentVerdict::TooNew
    }
}

/// The three numbers of `1.2.3`, `1.2.3-1` or `1.2.3+git`: what upgrades go by.
pub fn numbers(version: &str) -> Option<[u32; 3]> {
    let end = version.find(|character: char| !character.is_ascii_digit() && character != '.');
    let plain = version.get(..end.unwrap_or(version.len()))?;
    let parts: Vec<u32> = plain
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_common::observed::Observed;
    use phoenix_common::wire::CloudInit;

    fn facts(version: &str, oldest: u32, newest: u32) -> Facts {
        Facts {
            agent_version: version.to_owned(),
            protocol_oldest: oldest,
            protocol_newest: newest,
            boot_id: String::new(),
            machine_id: String::new(),
            hostname: String::new(),
            os_id: String::new(),
            os_version: String::new(),
            architecture: String::new(),
            addresses: Vec::new(),
            has_dpkg: true,
            cloud_init: CloudInit::Absent,
            docker: Observed::unknown("not asked"),
            running_jobs: Vec::new(),
            gpus: None,
        }
    }

    #[test]
    fn agents_are_judged() {
        let judge =
            |version, oldest, newest| judge_agent(&facts(version, oldest, newest), Some("0.2.0-1"));
        assert_eq!(judge("0.1.9", 1, 1), AgentVerdict::Install);
        assert_eq!(judge("garbage", 1, 1), AgentVerdict::Install);
        assert_eq!(judge("0.2.0", 1, 1), AgentVerdict::Usable);
        assert_eq!(judge("0.10.0", 1, 3), AgentVerdict::Usable);
        assert_eq!(judge("2.0.0", 2, 3), AgentVerdict::TooNew);
    }
}
