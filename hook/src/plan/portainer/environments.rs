//! Which environments there shall be, from the configuration: one for each guest outside a Swarm, one for each Swarm.

use std::collections::BTreeMap;

use phoenix_common::config::{Config, Deployer, Guest, PortainerRole, StackAssignment};
use phoenix_common::vmid::Vmid;

use super::desired::{EnvironmentDesired, EnvironmentKind, PortainerDesired, PortainerStack};

/// The port of Portainer's agent.
pub const AGENT_PORT: u16 = 9001;
/// The agents of the Swarm that the server itself runs on, by the overlay network they share.
pub const SWARM_AGENTS: &str = "tcp://tasks.agent:9001";

/// Makes a stack's content: reads files, so it is not done here.
pub type ContentOf<'run> = dyn Fn(&Guest, &StackAssignment) -> PortainerStack + 'run;

/// Everything that Portainer shall hold; `None` without a primary guest.
pub fn desired(config: &Config, content_of: &ContentOf<'_>) -> Option<PortainerDesired> {
    let primary = config.portainer_primary()?;
    let settings = &config.hypervisor.portainer;
    let mut environments: BTreeMap<String, EnvironmentDesired> = BTreeMap::new();
    for guest in config.guests_in_boot_order() {
        if !has_environment(guest) {
            continue;
        }
        let own = of_guest(config, primary, guest);
        let environment = environments.entry(own.name.clone()).or_insert(own);
        if !environment.guests.contains(&guest.vmid) {
            environment.guests.push(guest.vmid);
        }
        let stacks = guest.stacks.iter().filter(|stack| is_portainers(stack));
        environment
            .stacks
            .extend(stacks.map(|stack| content_of(guest, stack)));
    }
    Some(PortainerDesired {
        primary: primary.vmid,
        user: settings.admin_username.clone(),
        environments: environments.into_values().collect(),
    })
}

/// Whether Portainer deploys it.
pub fn is_portainers(stack: &StackAssignment) -> bool {
    stack.deployer == Deployer::Portainer
}

/// Whether an agent of Portainer runs in the guest: where it is declared, and where Portainer deploys something.
pub fn has_agent(guest: &Guest) -> bool {
    guest.portainer_role == Some(PortainerRole::Agent) || guest.stacks.iter().any(is_portainers)
}

fn has_environment(guest: &Guest) -> bool {
    // A primary in a Swarm has the agents of the Swarm beside it.
    has_agent(guest) || (guest.portainer_role.is_some() && guest.swarm.is_some())
}

/// Whether the guest is in the Swarm that the server runs on as a service.
pub fn shares_swarm(primary: &Guest, guest: &Guest) -> bool {
    match (&primary.swarm, &guest.swarm) {
        (Some(primary), Some(own)) => primary.name == own.name,
        _ => false,
    }
}

fn of_guest(config: &Config, primary: &Guest, guest: &Guest) -> EnvironmentDesired {
    let settings = &config.hypervisor.portainer;
    let address = |guest: &Guest| match guest.network {
        Some(network) => match network.address.addr() {
            std::net::IpAddr::V6(address) => Ok(format!("tcp://[{address}]:{AGENT_PORT}")),
            std::net::IpAddr::V4(address) => Ok(format!("tcp://{address}:{AGENT_PORT}")),
        },
        None => Err(format!(
            "guest {} has no network_config, so nobody knows where its agent is",
            guest.vmid
        )),
    };
    let (name, url, kind) = match &guest.swarm {
        None => (
            guest.name.clone(),
            address(guest),
            EnvironmentKind::Standalone(guest.vmid),
        ),
        Some(member) => {
            let kind = EnvironmentKind::Swarm(member.name.clone());
            if shares_swarm(primary, guest) {
                (
                    settings.swarm_environment.clone(),
                    Ok(SWARM_AGENTS.to_owned()),
                    kind,
                )
            } else {
                // Another Swarm is reached through an agent on one of its managers.
                let managers = config.managers_of(&member.name);
                let entry = managers.iter().find(|manager| has_agent(manager));
                let url = entry.map_or_else(
                    || {
                        Err(format!(
                            "no manager of Swarm {} has a Portainer agent",
                            member.name
                        ))
                    },
                    |manager| address(manager),
                );
                (
                    format!("{}-{}", settings.swarm_environment, member.name),
                    url,
                    kind,
                )
            }
        }
    };
    EnvironmentDesired {
        name,
        url,
        kind,
        guests: Vec::new(),
        stacks: Vec::new(),
    }
}

impl PortainerDesired {
    /// The part that concerns one guest: its environment and its stacks.
    #[must_use]
    pub fn of_guest(mut self, vmid: Vmid) -> Self {
        self.environments
            .retain(|environment| environment.guests.contains(&vmid));
        for environment in &mut self.environments {
            environment.stacks.retain(|stack| stack.vmid == vmid);
        }
        self
    }

    /// One stack of a guest, by the stack's own or its deployed name.
    #[must_use]
    pub fn only_stack(self, vmid: Vmid, deployed_name: &str) -> Self {
        let mut part = self.of_guest(vmid);
        for environment in &mut part.environments {
            environment
                .stacks
                .retain(|stack| stack.name == deployed_name);
        }
        part
    }
}
