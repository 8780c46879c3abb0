//! What is sent to the engine, in the engine's own words. Own types: models that do not know every
//! field lose what they do not know.

mod container;
mod mount;
mod object;
mod service;

pub use container::{
    ContainerSpec, CredentialSpec, DnsConfig, FileTarget, Healthcheck, ObjectReference, Privileges,
    Ulimit,
};
pub use mount::{BindOptions, ClusterOptions, Mount, TmpfsOptions, VolumeDriver, VolumeOptions};
pub use object::{Ipam, IpamPool, NetworkSpec, ObjectDriver, ObjectSpec};
pub use service::{
    EndpointSpec, GenericResource, Limit, LogDriver, NetworkTarget, Placement, PortConfig,
    Preference, Reservation, Resources, RestartPolicy, ServiceMode, ServiceSpec, TaskSpec,
    UpdateConfig,
};

/// Label by which the engine's tools know what belongs to a stack.
pub const NAMESPACE_LABEL: &str = "com.docker.stack.namespace";
/// Label of a service with the image's text as the compose file has it.
pub const IMAGE_LABEL: &str = "com.docker.stack.image";

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
