//! Why a stack cannot be deployed over what is there.

use crate::stack::operation::ObjectKind;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "network {name} is declared as external and does not exist; create it as a swarm network first"
    )]
    ExternalNetworkMissing { name: String },
    #[error(
        "network {name} is declared as external and has the scope {scope}, services need scope swarm"
    )]
    ExternalNetworkScope { name: String, scope: String },
    #[error(
        "network {name} exists and is not of this stack; remove it, or declare it `external: true`"
    )]
    ForeignNetwork { name: String },
    #[error("service {name} exists and is not of this stack; remove it, or give yours another key")]
    ForeignService { name: String },
    #[error("{} {name}, used by service {service}, is declared as external and does not exist", kind.word())]
    ExternalObjectMissing {
        kind: ObjectKind,
        name: String,
        service: String,
    },
    #[error("{} {name} exists and is not of this stack; give yours another `name`, or declare it `external: true`", kind.word())]
    ForeignObject { kind: ObjectKind, name: String },
    #[error("the content of {} {name} changed and its name is too long for a second one; shorten its key or `name`", kind.word())]
    NoRoomForName { kind: ObjectKind, name: String },
    #[error("{} {name} exists with other content, which Docker cannot change in place; leave `rotate` on, give it another `name`, or remove the stack first", kind.word())]
    ContentFixed { kind: ObjectKind, name: String },
    #[error(
        "service {service} binds {path}, which is not there on node {node}; make it there, or pin the stack to one guest"
    )]
    BindMissing {
        service: String,
        path: String,
        node: String,
    },
    #[error(
        "port {port} of service {service} is published by service {other} already; give one of them another"
    )]
    PortTaken {
        service: String,
        port: String,
        other: String,
    },
    #[error(
        "service {name} changes its mode, which Swarm does not allow; remove the service first"
    )]
    ModeChanged { name: String },
}
