//! Networks, volumes, configs and secrets.

use std::collections::BTreeMap;
use std::fmt;

use super::Origin;

#[derive(Clone)]
pub struct Network {
    pub origin: Origin,
    /// Given by `name:`; else empty and the stack's name goes before the key.
    pub name: String,
    pub external: bool,
    pub driver: String,
    pub driver_options: BTreeMap<String, String>,
    pub ipam_driver: String,
    pub subnets: Vec<String>,
    pub internal: bool,
    pub attachable: bool,
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone)]
pub struct NamedVolume {
    pub origin: Origin,
    pub name: String,
    pub external: bool,
    pub driver: String,
    /// `None`: no `driver_opts` key.
    pub driver_options: Option<BTreeMap<String, String>>,
    pub labels: BTreeMap<String, String>,
}

/// A config or a secret.
#[derive(Clone)]
pub struct FileObject {
    pub origin: Origin,
    pub name: String,
    pub external: bool,
    pub labels: BTreeMap<String, String>,
    /// A secret's driver: it has no content of ours then.
    pub driver: String,
    pub driver_options: BTreeMap<String, String>,
    pub template_driver: String,
    pub content: Content,
}

/// Bytes that may be a secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Content(pub Vec<u8>);

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Content({} bytes)", self.0.len())
    }
}

crate::stack::shown::shows_only!(Network { origin });
crate::stack::shown::shows_only!(NamedVolume { origin });
crate::stack::shown::shows_only!(FileObject { origin, content });
