//! One guest entry.

use std::net::IpAddr;

use super::super::error::{ConfigError, Rule};
use super::super::file::{FeatureName, GuestEntry, PortainerRoleName, StackReference};
use super::super::guest::{
    Deployer, Features, Guest, GuestKind, Network, PortainerRole, StackAssignment, SwarmMember,
};
use super::super::source::Place;
use super::{Context, address, files, swarm};
use crate::spec::{BaseSetupSpec, UnattendedUpgradesSpec};

/// The guest with its defaults, and every mistake of the entry that can be seen without the others.
pub(super) fn checked(
    mut entry: GuestEntry,
    kind: GuestKind,
    place: &Place<'_>,
    context: &Context<'_>,
) -> (Guest, Vec<ConfigError>) {
    let mut errors = Vec::new();
    let network = network(&entry, place, &mut errors);
    let swarm = swarm::member(&mut entry, kind, place, context, &mut errors);
    let volumes = files::volumes(
        std::mem::take(&mut entry.volumes),
        place,
        context,
        &mut errors,
    );
    let compose_files = std::mem::take(&mut entry.docker_compose_files);
    let compose_files = files::compose_files(compose_files, &volumes, place, context, &mut errors);
    let references = std::mem::take(&mut entry.docker_stacks);
    let stacks = stacks(references, swarm.as_ref(), place, context, &mut errors);
    let features = Features {
        base_setup: entry.features.contains(&FeatureName::BaseSetup),
        docker: entry.features.contains(&FeatureName::Docker),
    };
    if entry.base_setup.is_some() && !features.base_setup {
        errors.push(
            (place.at("base_setup").error(
                Rule::FeatureOff,
                "`base_setup` is declared, but the feature is off",
            ))
            .hint("add \"base_setup\" to `features`"),
        );
    }
    let base_setup = base_setup(&mut entry);
    let guest = Guest {
        vmid: entry.vmid,
        name: entry.name.into(),
        kind,
        clone_from_vmid: entry.clone_from_vmid,
        cores: entry.cores,
        memory_mib: entry.memory_mb,
        disk_size_gib: entry.disk_size_gb,
        start_at_boot: entry.start_at_boot,
        boot_order: entry.boot_order,
        network,
        features,
        base_setup,
        swarm,
        portainer_role: entry.portainer_role.map(|role| match role {
            PortainerRoleName::Primary | PortainerRoleName::Server => PortainerRole::Primary,
            PortainerRoleName::Agent => PortainerRole::Agent,
        }),
        volumes,
        compose_files,
        stacks,
        origin: place.origin(),
        declared_keys: (place.node.members().iter())
            .map(|member| member.key.clone())
            .collect(),
    };
    (guest, errors)
}

fn network(
    entry: &GuestEntry,
    place: &Place<'_>,
    errors: &mut Vec<ConfigError>,
) -> Option<Network> {
    let network = entry.network_config.as_ref()?;
    match address::of_guest(&network.ip, network.gw.as_deref()) {
        Ok(network) => Some(network),
        Err((key, error)) => {
            errors.push(address::error(&place.at("network_config").at(key), &error));
            None
        }
    }
}

fn base_setup(entry: &mut GuestEntry) -> BaseSetupSpec {
    let mut spec = BaseSetupSpec::default();
    if let Some(user) = entry.user_config.take() {
        spec.username = Some(user.username.into());
        spec.ssh_authorized_keys = texts(user.ssh_authorized_keys);
    }
    if let Some(declared) = entry.base_setup.take() {
        spec.packages = texts(declared.packages);
        spec.timezone = declared.timezone.map(String::from);
        spec.locale = declared.locale.map(String::from);
        spec.unattended_upgrades =
            (declared.unattended_upgrades).map(|declared| UnattendedUpgradesSpec {
                enabled: declared.enabled,
                reboot_at: declared.reboot_at.map(String::from),
            });
    }
    spec
}

fn texts<T: Into<String>>(list: Vec<T>) -> Vec<String> {
    list.into_iter().map(Into::into).collect()
}

fn stacks(
    references: Vec<StackReference>,
    swarm: Option<&SwarmMember>,
    place: &Place<'_>,
    context: &Context<'_>,
    errors: &mut Vec<ConfigError>,
) -> Vec<StackAssignment> {
    let list = place.at("docker_stacks");
    let assigned = references.into_iter().enumerate();
    assigned
        .map(|(index, reference)| {
            let place = list.item(index);
            let deployer = match (reference.deployer, swarm) {
                (Some(Deployer::Swarm), None) => {
                    errors.push(
                        (place.at("deployer").error(
                            Rule::Swarm,
                            "`deployer` is `swarm`, but the guest is in no Swarm",
                        ))
                        .hint("give the guest a `swarm_role`, or write \"portainer\""),
                    );
                    Deployer::Swarm
                }
                (Some(deployer), _) => deployer,
                (None, Some(_)) => context.hypervisor.deployer,
                (None, None) => Deployer::Portainer,
            };
            assignment(reference, deployer, swarm.is_some(), &place)
        })
        .collect()
}

fn assignment(
    reference: StackReference,
    deployer: Deployer,
    on_swarm: bool,
    place: &Place<'_>,
) -> StackAssignment {
    let name = String::from(reference.name);
    let environment = String::from(reference.environment);
    let deployed_name = match reference.deployed_as {
        Some(name) => name.into(),
        None if on_swarm => format!("{environment}_{name}"),
        None => name.clone(),
    };
    StackAssignment {
        name,
        environment,
        deployed_name,
        deployer,
        manual: reference.manual,
        origin: place.origin(),
    }
}

/// The guest's address, without prefix.
pub(super) fn address_of(guest: &Guest) -> Option<IpAddr> {
    guest.network.map(|network| network.address.addr())
}
