//! What has to be done to Portainer's containers. Pure.

use phoenix_common::spec::PortainerSpec;
use phoenix_common::wire::{Change, ChangeVerb, FieldChange};

use super::desired::{AGENT, SERVER, Wanted};
use super::found::{Found, FoundContainer, before};

/// One step; holds what it needs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// A replacement that was killed left this behind.
    Remove {
        name: String,
    },
    Create(Wanted),
    Replace {
        with: Wanted,
        old_image: String,
    },
    Start {
        name: &'static str,
        state: String,
    },
    WritePassword,
}

pub(super) fn plan(wanted: &[Wanted], found: &Found, spec: &PortainerSpec) -> Vec<Step> {
    let mut steps = Vec::new();
    for container in wanted {
        let now = match container.name {
            SERVER => found.server.as_ref(),
            _ => found.agent.as_ref(),
        };
        let aside = before(container.name);
        // Without its successor it is what a replacement goes on from.
        if now.is_some() && found.put_aside.contains(&aside) {
            steps.push(Step::Remove { name: aside });
        }
        steps.extend(step(container, now));
    }
    let is_ours = found
        .server
        .as_ref()
        .is_none_or(|server| server.digest.is_some());
    if spec.server.is_some() && is_ours && !found.has_password_file {
        steps.insert(0, Step::WritePassword);
    }
    steps
}

/// A container of others is left alone, whatever its state.
fn step(wanted: &Wanted, now: Option<&FoundContainer>) -> Option<Step> {
    let Some(now) = now else {
        return Some(Step::Create(wanted.clone()));
    };
    let digest = now.digest.as_ref()?;
    if *digest != wanted.digest {
        return Some(Step::Replace {
            with: wanted.clone(),
            old_image: now.image.clone(),
        });
    }
    // `restarting` is Docker's own business.
    let stands = matches!(now.state.as_str(), "exited" | "created" | "dead" | "paused");
    stands.then(|| Step::Start {
        name: wanted.name,
        state: now.state.clone(),
    })
}

impl Step {
    /// As the plan shows it; nothing secret in it.
    pub(super) fn change(&self) -> Change {
        let change = |verb, name: &str, fields| Change {
            verb,
            subject: format!("container {name}"),
            fields,
        };
        match self {
            Self::Remove { name } => change(ChangeVerb::Remove, name, Vec::new()),
            Self::Create(wanted) => change(
                ChangeVerb::Create,
                wanted.name,
                vec![field("image", None, &wanted.image)],
            ),
            Self::Replace { with, old_image } if *old_image != with.image => change(
                ChangeVerb::Update,
                with.name,
                vec![field("image", Some(old_image), &with.image)],
            ),
            Self::Replace { with, .. } => change(
                ChangeVerb::Update,
                with.name,
                vec![field("settings", Some("as made"), "as declared")],
            ),
            Self::Start { name, state } => change(
                ChangeVerb::Update,
                name,
                vec![field("state", Some(state), "running")],
            ),
            Self::WritePassword => Change {
                verb: ChangeVerb::Create,
                subject: "file of Portainer's admin password".to_owned(),
                fields: Vec::new(),
            },
        }
    }
}

fn field(name: &str, before: Option<&str>, after: &str) -> FieldChange {
    FieldChange {
        field: name.to_owned(),
        before: before.map(str::to_owned),
        after: Some(after.to_owned()),
    }
}

/// For progress lines.
pub(super) fn label(name: &str) -> &'static str {
    if name == AGENT {
        "Portainer agent"
    } else {
        "Portainer server"
    }
}

#[cfg(test)]
mod tests {
    use phoenix_common::secret::Secret;
    use phoenix_common::spec::PortainerAgentSpec;
    use std::path::Path;

    use super::*;
    use crate::portainer::desired;

    fn spec(image: &str) -> PortainerSpec {
        PortainerSpec {
            server: None,
            agent: Some(PortainerAgentSpec {
                image: image.to_owned(),
                port: 9001,
                agent_secret: Secret::new("canary"),
            }),
        }
    }

    fn steps(image: &str, agent: Option<FoundContainer>, aside: &[&str]) -> Vec<String> {
        let spec = spec(image);
        let found = Found {
            agent,
            put_aside: aside.iter().map(|name| (*name).to_owned()).collect(),
            ..Found::default()
        };
        let wanted = desired::containers(&spec, Path::new("/p"));
        let steps = plan(&wanted, &found, &spec);
        let texts: Vec<String> = steps
            .iter()
            .map(|step| format!("{:?}", step.change()))
            .collect();
        assert!(!texts.concat().contains("canary"));
        texts
    }

    fn agent(image: &str, state: &str) -> FoundContainer {
        let wanted = desired::containers(&spec(image), Path::new("/p"));
        FoundContainer {
            name: "portainer_agent".to_owned(),
            image: image.to_owned(),
            state: state.to_owned(),
            digest: Some(wanted[0].digest.clone()),
            data: None,
        }
    }

    #[test]
    fn only_what_differs_is_done() {
        assert!(steps("a:1", None, &[])[0].contains("Create"));
        assert!(steps("a:1", Some(agent("a:1", "running")), &[]).is_empty());
        assert!(steps("a:1", Some(agent("a:1", "restarting")), &[]).is_empty());
        assert!(steps("a:1", Some(agent("a:1", "exited")), &[])[0].contains("exited"));
        assert!(steps("a:2", Some(agent("a:1", "running")), &[])[0].contains("a:2"));
        let foreign = FoundContainer {
            digest: None,
            ..agent("a:1", "exited")
        };
        assert!(steps("a:2", Some(foreign), &[]).is_empty());
    }

    #[test]
    fn a_killed_replacement_is_gone_on_with() {
        let aside = &["portainer_agent_before"];
        let done = steps("a:1", Some(agent("a:1", "running")), aside);
        assert!(done.len() == 1 && done[0].contains("Remove"), "{done:?}");
        // Its successor was not made yet: making it takes care of the old one.
        assert!(steps("a:1", None, aside)[0].contains("Create"));
    }
}
