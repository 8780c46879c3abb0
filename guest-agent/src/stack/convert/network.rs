//! Networks: those that services use, and how services are attached.

use std::collections::{BTreeMap, BTreeSet};

use super::Convert;
use crate::stack::fault::Fault;
use crate::stack::model::{Network, Service};
use crate::stack::names::is_node_network;
use crate::stack::spec::{Ipam, IpamPool, NetworkSpec, NetworkTarget};

/// The network of services that name none.
const DEFAULT: &str = "default";

/// Networks to create and networks that must be there. Only those that a service uses count.
pub(super) fn convert(
    convert: &mut Convert<'_>,
) -> (BTreeMap<String, NetworkSpec>, BTreeSet<String>) {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for service in convert.stack.services.values() {
        used.extend(keys(service));
    }
    let mut networks = BTreeMap::new();
    let mut external = BTreeSet::new();
    for key in used {
        let declared = convert.stack.networks.get(key);
        match declared {
            Some(network) if network.external => {
                external.insert(network.name.clone());
            }
            // An undeclared one is reported where it is used.
            None if key != DEFAULT => {}
            declared => {
                let spec = spec(convert, key, declared);
                networks.insert(spec.name.clone(), spec);
            }
        }
    }
    (networks, external)
}

fn keys(service: &Service) -> Vec<&str> {
    if service.networks.is_empty() {
        return vec![DEFAULT];
    }
    service.networks.keys().map(String::as_str).collect()
}

fn spec(convert: &Convert<'_>, key: &str, network: Option<&Network>) -> NetworkSpec {
    let name = network.map_or("", |network| &network.name);
    let none = BTreeMap::new();
    let ipam = network
        .filter(|network| !network.ipam_driver.is_empty() || !network.subnets.is_empty())
        .map(|network| Ipam {
            driver: network.ipam_driver.clone(),
            config: network
                .subnets
                .iter()
                .map(|subnet| IpamPool {
                    subnet: subnet.clone(),
                })
                .collect(),
        });
    let driver = network.map_or("", |network| &network.driver);
    NetworkSpec {
        name: convert.namespace.name_of(key, name),
        driver: if driver.is_empty() { "overlay" } else { driver }.to_owned(),
        options: network
            .map(|network| network.driver_options.clone())
            .unwrap_or_default(),
        internal: network.is_some_and(|network| network.internal),
        attachable: network.is_some_and(|network| network.attachable),
        labels: convert
            .namespace
            .labelled(network.map_or(&none, |network| &network.labels)),
        ipam,
    }
}

/// A service's attachments, sorted by network name.
pub(super) fn attachments(
    convert: &mut Convert<'_>,
    key: &str,
    service: &Service,
) -> Vec<NetworkTarget> {
    let mut targets = Vec::new();
    for name in keys(service) {
        let declared = convert.stack.networks.get(name);
        if declared.is_none() && name != DEFAULT {
            let fault = Fault::Undefined {
                kind: "network",
                name: name.to_owned(),
            };
            convert.fault(&service.origin, fault);
            continue;
        }
        let given = declared.map_or("", |network| &network.name);
        let target = convert.namespace.name_of(name, given);
        let attachment = service
            .networks
            .get(name)
            .cloned()
            .flatten()
            .unwrap_or_default();
        let mut aliases = attachment.aliases;
        if !is_node_network(&target) {
            aliases.push(key.to_owned());
        }
        targets.push(NetworkTarget {
            target,
            aliases,
            driver_opts: attachment.driver_options,
        });
    }
    targets.sort_by(|left, right| left.target.cmp(&right.target));
    targets
}
