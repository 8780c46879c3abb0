//! What was seen of Portainer's containers. Pure.

use phoenix_common::wire::PortainerContainer;

/// The name of a container while its successor is made.
pub(super) fn before(name: &str) -> String {
    format!("{name}_before")
}

#[derive(Debug, Default)]
pub(super) struct Found {
    pub server: Option<FoundContainer>,
    pub agent: Option<FoundContainer>,
    pub certificate: Option<String>,
    /// Containers that a replacement put aside and did not come to remove.
    pub put_aside: Vec<String>,
    pub has_password_file: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundContainer {
    pub name: String,
    pub image: String,
    pub state: String,
    /// `None`: made by others.
    pub digest: Option<String>,
    /// Where its data folder is on this guest.
    pub data: Option<String>,
}

impl FoundContainer {
    pub(super) fn shown(self) -> PortainerContainer {
        PortainerContainer {
            is_ours: self.digest.is_some(),
            name: self.name,
            image: self.image,
            state: self.state,
        }
    }
}
