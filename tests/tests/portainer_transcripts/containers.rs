//! Whether a guest shows what the recorded one did: names, states, and whether a container is the same
//! one as before.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_tests::doubles::portainer::MemoryGuest;

use crate::recording::{Docker, Seen, SeenService};

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    /// Recorded ids and ours.
    ids: BTreeMap<String, String>,
    /// Of each service: the recorded version and ours.
    versions: BTreeMap<String, (u64, u64)>,
}

impl Sightings {
    pub(crate) fn difference(
        &mut self,
        recorded: &Docker,
        guests: &[MemoryGuest; 2],
    ) -> Option<String> {
        let is_swarm = recorded.services.is_some()
            || recorded
                .networks
                .iter()
                .any(|name| name == "portainer_agent_network");
        let guest = &guests[usize::from(is_swarm)];
        let mut wrong = Vec::new();
        if let Some(seen) = &recorded.containers {
            wrong.extend(self.containers(seen, guest));
        }
        if let Some(seen) = &recorded.services {
            wrong.extend(self.services(seen, guest));
        }
        let rig = ["portainer_agent_network"];
        let names = |list: &[String]| -> BTreeSet<String> {
            list.iter()
                .filter(|name| !rig.contains(&name.as_str()))
                .cloned()
                .collect()
        };
        for (what, theirs, mine) in [
            ("networks", &recorded.networks, guest.networks()),
            ("volumes", &recorded.volumes, guest.volumes()),
        ] {
            if names(theirs) != names(&mine) {
                wrong.push(format!("{what}: recorded {theirs:?}, got {mine:?}"));
            }
        }
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }

    fn containers(&mut self, seen: &[Seen], guest: &MemoryGuest) -> Vec<String> {
        let mut wrong = Vec::new();
        let ours = guest.containers();
        if seen.len() != ours.len() {
            let names: Vec<&str> = ours.iter().map(|one| one.name.as_str()).collect();
            wrong.push(format!("{} containers recorded, got {names:?}", seen.len()));
        }
        for theirs in seen {
            let Some(mine) = ours.iter().find(|one| one.name == theirs.names) else {
                wrong.push(format!("no container {}", theirs.names));
                continue;
            };
            if mine.state != theirs.state {
                wrong.push(format!(
                    "{} is {}, recorded {}",
                    mine.name, mine.state, theirs.state
                ));
            }
            let same = self
                .ids
                .entry(theirs.id.clone())
                .or_insert_with(|| mine.id.clone());
            if *same != mine.id {
                wrong.push(format!("{} was made anew", mine.name));
            }
            let sorted = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
            let env = theirs.env.clone().unwrap_or_default();
            if sorted(&env) != sorted(&mine.env) {
                wrong.push(format!("{}: env {env:?}, got {:?}", mine.name, mine.env));
            }
            if theirs.cmd.clone().unwrap_or_default() != mine.command {
                wrong.push(format!(
                    "{}: {:?}, got {:?}",
                    mine.name, theirs.cmd, mine.command
                ));
            }
        }
        let distinct: BTreeSet<&String> = self.ids.values().collect();
        if distinct.len() != self.ids.len() {
            wrong.push("a container was kept that the real server made anew".to_owned());
        }
        wrong
    }

    fn services(&mut self, seen: &[SeenService], guest: &MemoryGuest) -> Vec<String> {
        let mut wrong = Vec::new();
        let ours = guest.services();
        // The agent is a service of the rig.
        let seen: Vec<_> = seen
            .iter()
            .filter(|one| !one.name.starts_with("portainer_"))
            .collect();
        if seen.len() != ours.len() {
            let names: Vec<&str> = ours.iter().map(|one| one.name.as_str()).collect();
            wrong.push(format!("{} services recorded, got {names:?}", seen.len()));
        }
        for theirs in seen {
            let Some(mine) = ours.iter().find(|one| one.name == theirs.name) else {
                wrong.push(format!("no service {}", theirs.name));
                continue;
            };
            let now = (theirs.version, mine.version);
            if let Some(before) = self.versions.insert(theirs.name.clone(), now)
                && (before.0 != now.0) != (before.1 != now.1)
            {
                wrong.push(format!(
                    "{}: versions {before:?} became {now:?}",
                    theirs.name
                ));
            }
        }
        wrong
    }
}
