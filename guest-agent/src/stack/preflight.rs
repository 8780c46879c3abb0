//! What the engine would refuse half-way: found before the first write.

use std::collections::BTreeMap;

use super::convert::Desired;
use super::fault::{Fault, Problem};
use super::model::{FileObject, Origin, Service, Stack, Volume};
use super::notice::{Notice, Notices};
use super::spec::{NetworkSpec, Resources, ServiceSpec};
use super::{names, order};

const MILLISECOND: i64 = 1_000_000;
/// Sizes of contents the engine takes, in bytes.
const CONFIG_LIMIT: usize = 1000 * 1024 - 1;
const SECRET_LIMIT: usize = 500 * 1024 - 1;

pub fn check(stack: &Stack, desired: &Desired) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (spec, service) in desired.services.values().zip(stack.services.values()) {
        service_faults(spec, service, &mut problems);
    }
    problems.extend(order::cycle(stack));
    ports(stack, &mut problems);
    networks(stack, desired, &mut problems);
    contents(&stack.configs, ("config", CONFIG_LIMIT), &mut problems);
    contents(&stack.secrets, ("secret", SECRET_LIMIT), &mut problems);
    for (kind, names) in [
        ("config", desired.configs.keys()),
        ("secret", desired.secrets.keys()),
    ] {
        for name in names.filter(|name| !names::is_object_name(name)) {
            let reason =
                "1 to 64 letters, digits, `-`, `_`, `.`, with a letter or digit at both ends";
            problems.push(Problem::of(
                kind,
                Fault::BadName {
                    name: name.clone(),
                    reason,
                },
            ));
        }
    }
    problems
}

fn push(problems: &mut Vec<Problem>, origin: &Origin, key: &str, fault: Fault) {
    let path = if key.is_empty() {
        origin.path.clone()
    } else {
        format!("{}.{key}", origin.path)
    };
    problems.push(Problem::at(&origin.place, path, fault));
}

fn service_faults(spec: &ServiceSpec, service: &Service, problems: &mut Vec<Problem>) {
    let origin = &service.origin;
    if !names::is_service_name(&spec.name) {
        let reason = "at most 63 letters, digits, `-`, `_`, with a letter or digit at both ends";
        push(
            problems,
            origin,
            "",
            Fault::BadName {
                name: spec.name.clone(),
                reason,
            },
        );
    }
    for text in &spec.task_template.placement.constraints {
        if !is_constraint(text) {
            let fault = Fault::BadConstraint { text: text.clone() };
            push(problems, origin, "deploy.placement.constraints", fault);
        }
    }
    healthcheck(spec, origin, problems);
    amounts(spec, origin, problems);
}

fn healthcheck(spec: &ServiceSpec, origin: &Origin, problems: &mut Vec<Problem>) {
    let Some(check) = &spec.task_template.container_spec.healthcheck else {
        return;
    };
    let times = [
        ("interval", check.interval),
        ("timeout", check.timeout),
        ("start_period", check.start_period),
        ("start_interval", check.start_interval),
    ];
    for (key, time) in times {
        if time != 0 && time < MILLISECOND {
            let key = format!("healthcheck.{key}");
            push(problems, origin, &key, Fault::TooShort);
        }
    }
}

fn amounts(spec: &ServiceSpec, origin: &Origin, problems: &mut Vec<Problem>) {
    let Resources {
        limits,
        reservations,
    } = &spec.task_template.resources;
    let limits = limits
        .iter()
        .map(|some| ("limits", some.nano_cpus, some.memory_bytes));
    let reserved = reservations
        .iter()
        .map(|some| ("reservations", some.nano_cpus, some.memory_bytes));
    for (key, nano_cpus, memory_bytes) in limits.chain(reserved) {
        let checks = [
            ("cpus", nano_cpus, 1_000_000, "0.001 CPUs"),
            ("memory", memory_bytes, 4 << 20, "4 MiB"),
        ];
        for (what, amount, limit, least) in checks {
            if amount != 0 && amount < limit {
                let key = format!("deploy.resources.{key}.{what}");
                push(problems, origin, &key, Fault::TooSmall { least });
            }
        }
    }
}

/// `key == value` or `key != value`, with the letters swarmkit's scheduler takes.
pub fn is_constraint(text: &str) -> bool {
    let Some((key, value)) = text.split_once("==").or_else(|| text.split_once("!=")) else {
        return false;
    };
    let (key, value) = (key.trim(), value.trim());
    let key_fits = key.len() > 1
        && key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    let value_fits = !value.is_empty()
        && value.chars().all(|letter| {
            letter.is_ascii_alphanumeric()
                || letter.is_ascii_whitespace()
                || r":-_.*()?+[]\^$|/".contains(letter)
        });
    key_fits && value_fits
}

/// One port and protocol is published once; in host mode each node has its own.
fn ports(stack: &Stack, problems: &mut Vec<Problem>) {
    let mut taken: BTreeMap<(u32, String), (String, bool)> = BTreeMap::new();
    for (key, service) in &stack.services {
        let mut own: Vec<(u32, String)> = Vec::new();
        for port in service.ports.iter().flatten() {
            let host = port.mode == "host";
            if service.deploy.endpoint_mode.eq_ignore_ascii_case("dnsrr") && !host {
                let (first, second) = (
                    "deploy.endpoint_mode: dnsrr".to_owned(),
                    "mode: ingress".to_owned(),
                );
                push(
                    problems,
                    &port.origin,
                    "",
                    Fault::Conflict { first, second },
                );
            }
            if port.published == 0 {
                continue;
            }
            let protocol = if port.protocol.is_empty() {
                "tcp"
            } else {
                &port.protocol
            };
            let id = (port.published, protocol.to_owned());
            let other = taken
                .get(&id)
                .filter(|(_, other_host)| !(host && *other_host))
                .cloned();
            if own.contains(&id) || other.is_some() {
                let fault = Fault::PortTaken {
                    port: format!("{}/{}", id.0, id.1),
                    other: other.map_or_else(|| key.clone(), |(other, _)| other),
                };
                push(problems, &port.origin, "", fault);
            }
            own.push(id);
        }
        for port in service
            .ports
            .iter()
            .flatten()
            .filter(|port| port.published != 0)
        {
            let protocol = if port.protocol.is_empty() {
                "tcp"
            } else {
                &port.protocol
            };
            let id = (port.published, protocol.to_owned());
            taken
                .entry(id)
                .or_insert((key.clone(), port.mode == "host"));
        }
    }
}

/// A bridge is a network of one node: services cannot use it.
fn networks(stack: &Stack, desired: &Desired, problems: &mut Vec<Problem>) {
    let local =
        |network: &&NetworkSpec| matches!(network.driver.as_str(), "bridge" | "host" | "null");
    for network in desired.networks.values().filter(local) {
        let key = stack.networks.iter().find(|(key, declared)| {
            declared.name == network.name || network.name.ends_with(&format!("_{key}"))
        });
        let fault = Fault::LocalNetwork {
            network: network.name.clone(),
            driver: network.driver.clone(),
        };
        match key {
            Some((_, declared)) => push(problems, &declared.origin, "driver", fault),
            None => problems.push(Problem::of("networks", fault)),
        }
    }
}

fn contents(
    objects: &BTreeMap<String, FileObject>,
    (_, most): (&str, usize),
    problems: &mut Vec<Problem>,
) {
    for object in objects
        .values()
        .filter(|object| !object.external && object.driver.is_empty())
    {
        let size = object.content.0.len();
        if size < 1 || size > most {
            push(
                problems,
                &object.origin,
                "file",
                Fault::ContentSize {
                    size,
                    least: 1,
                    most,
                },
            );
        }
    }
}

/// What works but surprises.
pub fn warn(stack: &Stack, pinned: bool, notices: &mut Notices) {
    order::warn(stack, notices);
    for (key, network) in &stack.networks {
        let used = stack.services.values().any(|service| {
            service.networks.contains_key(key) || (key == "default" && service.networks.is_empty())
        });
        if !used && !network.external {
            let Origin { place, path } = &network.origin;
            notices.add(place, path, Notice::NetworkNotUsed);
        }
    }
    let may_move = |service: &&Service| {
        !pinned && !service.deploy.mode.starts_with("global") && !is_placed(service)
    };
    for service in stack.services.values().filter(may_move) {
        for volume in service
            .volumes
            .iter()
            .flatten()
            .filter(|volume| is_local_data(stack, volume))
        {
            notices.add(&volume.origin.place, &volume.origin.path, Notice::LocalData);
        }
    }
}

/// Whether a constraint keeps the service on chosen nodes.
fn is_placed(service: &Service) -> bool {
    let keys = ["node.hostname", "node.id", "node.labels.", "node.ip"];
    let constraints = service.deploy.placement.constraints.iter();
    constraints.filter(|text| text.contains("==")).any(|text| {
        let text = text.trim_start();
        keys.iter().any(|key| text.starts_with(key))
    })
}

/// A folder or local volume that is written to. What belongs to the system is the same on each node.
fn is_local_data(stack: &Stack, volume: &Volume) -> bool {
    const SYSTEM: &[&str] = &[
        "/var/run/",
        "/run/",
        "/proc",
        "/sys",
        "/dev",
        "/etc/",
        "/usr/",
    ];
    match volume.kind.as_str() {
        "bind" => !volume.read_only && !SYSTEM.iter().any(|path| volume.source.starts_with(path)),
        "volume" | "" => stack.volumes.get(&volume.source).is_some_and(|declared| {
            !declared.external
                && matches!(declared.driver.as_str(), "" | "local")
                && declared
                    .driver_options
                    .as_ref()
                    .is_none_or(std::collections::BTreeMap::is_empty)
        }),
        _ => false,
    }
}
