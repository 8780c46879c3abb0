//! `ports` in short and long form.

use super::Load;
use super::fields::Fields;
use crate::stack::model::{Origin, Port};
use crate::stack::notice::Notice;
use crate::stack::text::port_spec;
use crate::stack::yaml::{Node, Value};

pub(super) fn load(load: &mut Load<'_>, fields: &Fields<'_>) -> Option<Vec<Port>> {
    let items = fields.items("ports")?;
    let mut ports = Vec::new();
    for (node, path) in items {
        match &node.value {
            Value::Map(_) => ports.push(long(load, node, path)),
            Value::Text(text) => ports.extend(short(load, node, &path, text)),
            Value::Integer(number) => ports.extend(short(load, node, &path, &number.to_string())),
            value => load.wrong_type(node, &path, "a port mapping", value),
        }
    }
    Some(ports)
}

fn long(load: &mut Load<'_>, node: &Node, path: String) -> Port {
    let fields = Fields::of(node, path);
    let number =
        |number: Option<u64>| u32::try_from(number.unwrap_or_default()).unwrap_or(u32::MAX);
    Port {
        origin: fields.origin(),
        target: number(fields.unsigned("target", load)),
        published: number(fields.unsigned("published", load)),
        protocol: fields.text("protocol", load),
        mode: fields.text("mode", load),
    }
}

/// A range of published ports for one target gives one entry each.
fn short(load: &mut Load<'_>, node: &Node, path: &str, text: &str) -> Vec<Port> {
    let mut ports = Vec::new();
    for mapping in port_spec::parse(text).unwrap_or_default() {
        let any = matches!(mapping.address.as_str(), "" | "0.0.0.0" | "::");
        if !any {
            let notice = Notice::HostAddressIgnored {
                address: mapping.address.clone(),
            };
            load.notices.add(&node.place, path, notice);
        }
        let (first, last) = mapping.published.unwrap_or((0, 0));
        ports.extend((first..=last).map(|published| Port {
            origin: Origin {
                place: node.place.clone(),
                path: path.to_owned(),
            },
            target: u32::from(mapping.target),
            published: u32::from(published),
            protocol: mapping.protocol.clone(),
            mode: "ingress".to_owned(),
        }));
    }
    ports
}
