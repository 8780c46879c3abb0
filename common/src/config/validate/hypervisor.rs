//! Settings of the node.

use std::path::{Path, PathBuf};

use super::super::error::{ConfigError, Rule};
use super::super::file::{HypervisorFile, PortainerEntry, PveApiEntry, RegistryEntry, RouteEntry};
use super::super::hypervisor::{
    ApiTrust, Gateway, Hypervisor, PortainerSettings, PveApi, Registry, Route,
};
use super::super::schema;
use super::super::shape;
use super::super::source::Place;
use super::{address, typed};

/// The file's settings over the defaults; the defaults alone when the file is broken, which is an error
/// of the whole.
pub(super) fn settings(place: &Place<'_>, errors: &mut Vec<ConfigError>) -> Hypervisor {
    let found = shape::check(place, &schema::HYPERVISOR);
    if !found.is_empty() {
        errors.extend(found);
        return Hypervisor::default();
    }
    match typed::<HypervisorFile>(place) {
        Ok(file) => merged(file, place, errors),
        Err(error) => {
            errors.push(error);
            Hypervisor::default()
        }
    }
}

fn merged(file: HypervisorFile, place: &Place<'_>, errors: &mut Vec<ConfigError>) -> Hypervisor {
    let mut settings = Hypervisor::default();
    set(
        &mut settings.worker_guests_in_parallel,
        file.worker.guests_in_parallel,
    );
    set(
        &mut settings.converge_deadline_seconds,
        file.worker.converge_deadline_seconds,
    );
    set(
        &mut settings.agent_wait_seconds,
        file.worker.agent_wait_seconds,
    );
    set(&mut settings.drain_seconds, file.drain_seconds);
    set(&mut settings.pre_start, file.pre_start);
    set(&mut settings.deployer, file.deployer);
    settings.nfs_server = file.nfs_server.map(String::from);
    set(&mut settings.swarm.name, file.swarm.name.map(String::from));
    let pools = place.at("swarm").at("default_address_pool");
    for (index, pool) in file.swarm.default_address_pool.iter().enumerate() {
        match address::network(pool) {
            Ok(network) => settings.swarm.default_address_pool.push(network),
            Err(message) => errors.push(address::error(&pools.item(index), &message)),
        }
    }
    portainer(file.portainer, &mut settings.portainer);
    settings.gateway = file.gateway.map(|gateway| Gateway {
        vmid: gateway.vmid,
        routes: gateway.routes.into_iter().map(route).collect(),
        origin: place.at("gateway").origin(),
    });
    if let Some(entry) = file.pve_api {
        match pve_api(entry, &place.at("pve_api")) {
            Ok(api) => settings.pve_api = Some(api),
            Err(error) => errors.push(error),
        }
    }
    settings.registries = registries(file.registries, &place.at("registries"));
    settings
}

fn registries(entries: Vec<RegistryEntry>, place: &Place<'_>) -> Vec<Registry> {
    let folder = place.source.file.parent().unwrap_or(Path::new(""));
    let entries = entries.into_iter().enumerate();
    entries
        .map(|(index, entry)| Registry {
            server: entry.server.into(),
            username: entry.username.into(),
            password_file: folder.join(&*entry.password_file),
            origin: place.item(index).origin(),
        })
        .collect()
}

fn pve_api(entry: PveApiEntry, place: &Place<'_>) -> Result<PveApi, ConfigError> {
    let folder = place.source.file.parent().unwrap_or(Path::new(""));
    let host_path = |path: &str| -> PathBuf { folder.join(path) };
    let trust = match (entry.fingerprint, entry.ca_file) {
        (Some(fingerprint), None) => ApiTrust::Fingerprint(fingerprint.into()),
        (None, Some(file)) => ApiTrust::AuthorityFile(host_path(&file)),
        (Some(_), Some(_)) => {
            let message = "`fingerprint` and `ca_file` are both given";
            return Err(place
                .at("ca_file")
                .error(Rule::ServerTrust, message)
                .hint("keep one: a pinned certificate needs no authority"));
        }
        (None, None) => {
            let message = "neither `fingerprint` nor `ca_file` is given";
            return Err(place
                .error(Rule::ServerTrust, message)
                .hint("on a node write \"ca_file\": \"/etc/pve/pve-root-ca.pem\", or pin the certificate: pvenode cert info"));
        }
    };
    Ok(PveApi {
        url: entry.url.trim_end_matches('/').to_owned(),
        token_file: host_path(&entry.token_file),
        trust,
    })
}

fn portainer(entry: PortainerEntry, settings: &mut PortainerSettings) {
    settings.node = entry.node.map(String::from);
    settings.allow_vulnerable = entry.allow_vulnerable;
    set(&mut settings.version, entry.version.map(String::from));
    set(
        &mut settings.agent_version,
        entry.agent_version.map(String::from),
    );
    set(
        &mut settings.swarm_environment,
        entry.swarm_environment.map(String::from),
    );
    settings.plain_http = entry.plain_http;
    set(&mut settings.https_port, entry.https_port);
    set(&mut settings.registry, entry.registry.map(String::from));
    set(
        &mut settings.admin_username,
        entry.admin_username.map(String::from),
    );
}

fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

fn route(entry: RouteEntry) -> Route {
    Route {
        name: entry.name.into(),
        to_vmid: entry.to_vmid,
        to_port: entry.to_port,
        listen_port: entry.listen_port,
        server_name: entry.server_name.map(String::from),
    }
}
