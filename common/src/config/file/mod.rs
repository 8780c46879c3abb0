//! The file mirror: exactly what may be written, one type per JSON object.
//!
//! The JSON Schemas are generated from these types; their documentation comments are what an
//! editor shows while typing.

mod guest;
mod hypervisor;
mod stack;
mod text;

pub(super) use guest::{
    ComposeFileEntry, FeatureName, GuestEntry, GuestsFile, PortainerRoleName, StackReference,
    SwarmRoleName, VolumeEntry,
};
pub(super) use hypervisor::{
    HypervisorFile, PortainerEntry, PveApiEntry, RegistryEntry, RouteEntry,
};
pub(super) use stack::{EnvironmentEntry, FileEntry, ServiceEntry, StackEntry, StacksFile};
pub(super) use text::{
    Constraint, ENVIRONMENT_NAME_RULE, EnvironmentName, Form, SERVICE_NAME_RULE, STACK_NAME_RULE,
    ServiceName, StackName,
};
