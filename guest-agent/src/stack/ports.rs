//! Published ports of the whole Swarm: a port another service holds is found before the first write. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::names::Namespace;
use super::spec::{NAMESPACE_LABEL, ServiceSpec};

/// A port that a service of another stack, or of none, publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPort {
    pub service: String,
    pub port: u64,
    pub protocol: String,
    pub host_mode: bool,
    /// The nodes its tasks are bound to.
    pub pins: Pins,
}

/// Constraints that bind tasks to one node, `node.hostname` to its value.
pub type Pins = BTreeMap<String, String>;

/// Keys of constraints that name a single node.
const NODE_KEYS: [&str; 3] = ["node.id", "node.hostname", "node.labels.phoenix.vmid"];

/// The published ports of all services in a list answer that are not of the stack.
pub fn foreign(services: &Value, namespace: &Namespace) -> Vec<ForeignPort> {
    let services = services.as_array().into_iter().flatten();
    services
        .filter(|service| {
            let labels = service.pointer("/Spec/Labels");
            let stack = labels.and_then(|labels| labels.get(NAMESPACE_LABEL));
            stack.and_then(Value::as_str) != Some(namespace.name())
        })
        .flat_map(of_service)
        .collect()
}

/// `Endpoint` has also those that the engine chose itself.
fn of_service(service: &Value) -> Vec<ForeignPort> {
    let text = |value: &Value, pointer: &str| {
        let text = value.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let constraints = service.pointer("/Spec/TaskTemplate/Placement/Constraints");
    let constraints = constraints.and_then(Value::as_array).into_iter().flatten();
    let pins = pins(constraints.filter_map(Value::as_str));
    let mut ports = Vec::new();
    for list in ["/Spec/EndpointSpec/Ports", "/Endpoint/Ports"] {
        let list = service.pointer(list).and_then(Value::as_array);
        for port in list.into_iter().flatten() {
            let published = port.get("PublishedPort").and_then(Value::as_u64);
            let Some(number) = published.filter(|number| *number != 0) else {
                continue;
            };
            let port = ForeignPort {
                service: text(service, "/Spec/Name").unwrap_or_default(),
                port: number,
                protocol: text(port, "/Protocol").unwrap_or_else(|| "tcp".to_owned()),
                host_mode: text(port, "/PublishMode").as_deref() == Some("host"),
                pins: pins.clone(),
            };
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
    }
    ports
}

fn pins<'text>(constraints: impl Iterator<Item = &'text str>) -> Pins {
    constraints
        .filter_map(|constraint| constraint.split_once("=="))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .filter(|(key, _)| NODE_KEYS.contains(&key.as_str()))
        .collect()
}

/// Ports of `spec` that another service holds, as `8080/tcp` and that service. The engine allows equal
/// ports in host mode; on one node the second task would never start.
pub fn taken<'live>(
    spec: &ServiceSpec,
    others: &'live [ForeignPort],
) -> Vec<(String, &'live ForeignPort)> {
    let constraints = spec.task_template.placement.constraints.iter();
    let own_pins = pins(constraints.map(String::as_str));
    let mut taken: Vec<(String, &ForeignPort)> = Vec::new();
    for port in &spec.endpoint_spec.ports {
        let protocol = match port.protocol.as_str() {
            "" => "tcp",
            protocol => protocol,
        };
        let clashes = |other: &&ForeignPort| {
            let both_host = other.host_mode && port.publish_mode == "host";
            let same_node = || {
                let same = |(key, value): (&String, &String)| own_pins.get(key) == Some(value);
                other.pins.iter().any(same)
            };
            other.port == u64::from(port.published_port)
                && other.protocol == protocol
                && (!both_host || same_node())
        };
        if let Some(other) = others.iter().find(clashes) {
            taken.push((format!("{}/{protocol}", port.published_port), other));
        }
    }
    taken
}
