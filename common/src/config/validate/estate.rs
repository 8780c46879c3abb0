//! Rules over all guests and stacks together.

use std::collections::BTreeMap;

use super::super::error::{ConfigError, Rule};
use super::super::guest::{Deployer, Guest, StackAssignment};
use super::super::hypervisor::Hypervisor;
use super::super::source::Place;
use super::super::suggest;
use super::guests::Guests;
use super::portainer::of_guests;
use super::stacks::Stacks;
use super::{guest, placement, portainer, swarm};

pub(super) struct Estate<'estate, 'source> {
    pub(super) guests: &'estate Guests<'source>,
    pub(super) stacks: &'estate Stacks,
    pub(super) hypervisor: &'estate Hypervisor,
    pub(super) hypervisor_place: Option<Place<'source>>,
    /// Some file could not be read: what is unknown may stand there.
    pub(super) incomplete: bool,
}

impl Estate<'_, '_> {
    /// Errors and warnings.
    pub(super) fn check(&self) -> Vec<ConfigError> {
        let mut findings = Vec::new();
        let settings = self.hypervisor_place.as_ref();
        self.unique(&mut findings);
        for (guest, place) in self.guests.known.values() {
            for (index, assignment) in guest.stacks.iter().enumerate() {
                let place = place.at("docker_stacks").item(index);
                findings.extend(self.assignment(guest, assignment, &place));
            }
        }
        self.deployed_names(&mut findings);
        self.volume_servers(&mut findings);
        swarm::check(self.guests, self.hypervisor, settings, &mut findings);
        placement::check(self.guests, self.stacks, &mut findings);
        portainer::check(self.guests, self.incomplete, &mut findings);
        portainer::routes(self.guests, self.hypervisor, settings, &mut findings);
        findings
    }

    /// No two guests have one address; one name for two is only confusing.
    fn unique(&self, findings: &mut Vec<ConfigError>) {
        let mut addresses = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (guest, place) in self.guests.known.values() {
            if let Some(address) = guest::address_of(guest)
                && let Some(other) = addresses.insert(address, guest)
            {
                let place = place.at("network_config").at("ip");
                let message = format!(
                    "guests {} and {} both have {address}",
                    other.vmid, guest.vmid
                );
                findings.push(
                    (place.error(Rule::DuplicateAddress, message))
                        .hint(format!("{} stands at {}", other.vmid, other.origin))
                        .scope(of_guests([other.vmid, guest.vmid])),
                );
            }
            if let Some(other) = names.insert(guest.name.to_lowercase(), guest) {
                let message = format!(
                    "guests {} and {} are both named {}",
                    other.vmid, guest.vmid, guest.name
                );
                findings.push(
                    place
                        .at("name")
                        .error(Rule::DuplicateName, message)
                        .warning(),
                );
            }
        }
    }

    /// A share without a server cannot be mounted; the rest of the guest still can be worked on.
    fn volume_servers(&self, findings: &mut Vec<ConfigError>) {
        for (guest, place) in self.guests.known.values() {
            for (index, volume) in guest.volumes.iter().enumerate() {
                if volume.server.is_none() {
                    let place = place.at("volumes").item(index);
                    let message = format!("volume `{}` has no server", volume.name);
                    findings.push(
                        (place.error(Rule::VolumeServer, message))
                            .hint("add `server` here, or `nfs_server` in phoenix_hypervisor_config.json")
                            .scope(of_guests([guest.vmid]))
                            .warning(),
                    );
                }
            }
        }
    }

    fn assignment(
        &self,
        guest: &Guest,
        assignment: &StackAssignment,
        place: &Place<'_>,
    ) -> Option<ConfigError> {
        let StackAssignment {
            name, environment, ..
        } = assignment;
        if self.stacks.broken.contains(name) {
            return None;
        }
        let scope = of_guests([guest.vmid]);
        let Some(stack) = self.stacks.valid.get(name) else {
            if self.incomplete {
                return None;
            }
            let known = self.stacks.valid.keys().map(String::as_str);
            let error = place.at("name").error(
                Rule::UnknownStack,
                format!("stack `{name}` is not declared"),
            );
            let declare = || format!("declare it in stacks/{name}/phoenix.json");
            let hint = suggest::hint(name, known).unwrap_or_else(declare);
            return Some(error.hint(hint).scope(scope));
        };
        let Some(content) = stack.environments.get(environment) else {
            let known = stack.environments.keys().map(String::as_str);
            let error = place.at("environment").error(
                Rule::UnknownEnvironment,
                format!("stack `{name}` has no environment `{environment}`"),
            );
            let declare = || format!("declare it under `environments` of {name}");
            let hint = suggest::hint(environment, known).unwrap_or_else(declare);
            return Some(error.hint(hint).scope(scope));
        };
        let plain = assignment.deployer == Deployer::Portainer && guest.swarm.is_none();
        let secret = content
            .variables
            .iter()
            .find(|(_, variable)| variable.secret);
        let (variable, _) = secret.filter(|_| plain)?;
        let message = format!(
            "variable `{variable}` of {name}/{environment} is secret, but Portainer keeps a standalone stack's variables as plain text"
        );
        let error = place.error(Rule::SecretInPlainText, message);
        Some(error.hint("give the service a file instead").scope(scope))
    }

    /// Two stacks of one name on one guest or Swarm would overwrite each other.
    fn deployed_names(&self, findings: &mut Vec<ConfigError>) {
        let mut taken: BTreeMap<(String, &str), (&Guest, &StackAssignment)> = BTreeMap::new();
        for (guest, place) in self.guests.known.values() {
            for (index, assignment) in guest.stacks.iter().enumerate() {
                let target = match &guest.swarm {
                    Some(member) => format!("Swarm {}", member.name),
                    None => format!("guest {}", guest.vmid),
                };
                let key = (target, assignment.deployed_name.as_str());
                if let Some((other, first)) = taken.get(&key) {
                    let message = format!(
                        "{} {}/{} and {} {}/{} would both run as `{}` on {}",
                        other.vmid,
                        first.name,
                        first.environment,
                        guest.vmid,
                        assignment.name,
                        assignment.environment,
                        key.1,
                        key.0
                    );
                    let place = place.at("docker_stacks").item(index);
                    findings.push(
                        (place.error(Rule::DuplicateName, message))
                            .hint("give one of them another name with `as`")
                            .scope(of_guests([other.vmid, guest.vmid])),
                    );
                } else {
                    taken.insert(key, (guest, assignment));
                }
            }
        }
    }
}
