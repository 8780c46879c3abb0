//! Published ports.

use crate::stack::model::Service;
use crate::stack::spec::{EndpointSpec, PortConfig};

/// Sorted, so that the order in the file does not count as a change.
pub(super) fn endpoint(service: &Service) -> EndpointSpec {
    let ports = service.ports.as_deref().unwrap_or_default();
    let mut ports: Vec<PortConfig> = ports
        .iter()
        .map(|port| PortConfig {
            protocol: port.protocol.clone(),
            target_port: port.target,
            published_port: port.published,
            publish_mode: port.mode.clone(),
        })
        .collect();
    ports.sort_by(|left, right| {
        let key = |port: &PortConfig| {
            (
                port.published_port,
                port.target_port,
                port.protocol.clone(),
                port.publish_mode.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
    EndpointSpec {
        mode: service.deploy.endpoint_mode.to_lowercase(),
        ports,
    }
}
